#pragma once

#include "harness/report.hpp"

#include <string>
#include <vector>

namespace bench {

/// The ratios to the bare system calls as an SVG document: a row for each workload, a bar for each contestant.
std::string plot(const std::vector<Line>& lines);

} // namespace bench
