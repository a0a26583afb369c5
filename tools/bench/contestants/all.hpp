#pragma once

#include "harness/suite.hpp"

#include <string>
#include <utility>
#include <vector>

namespace bench {

/// Enters all that were built, the bare loop first.
void enter_all(Suite& suite);

/// The other libraries that take part, with their versions.
std::vector<std::pair<std::string, std::string>> peers();
/// Those that could, if they were installed when this was configured.
std::vector<std::string> missing_peers();

} // namespace bench
