// Reports: the table for people, and JSON for programs.

#pragma once

#include "harness/suite.hpp"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace bench {

/// The median, minimum and maximum of `values`; NaN if there are none.
struct Spread {
    double minimum;
    double median;
    double maximum;
};
Spread spread_of(std::vector<double> values);

/// One line of the table. A ratio is the median of the rounds' ratios, so that a disturbance of one round affects both.
struct Line {
    std::string workload;
    std::string description;
    std::string contestant;
    std::uint64_t operations;
    Spread time_ns;
    Spread processor_ns;
    double time_ratio;
    double processor_ratio;
    std::vector<Sample> samples;
};

/// Lines for the outcomes of one workload. Ratios are not numbers where the reference took no part.
std::vector<Line> lines_of(const std::vector<Outcome>& outcomes);

void print_machine(std::ostream& out, const nlohmann::ordered_json& machine);
void print_heading(std::ostream& out);
/// The lines of one workload.
void print(std::ostream& out, const std::vector<Line>& lines);

nlohmann::ordered_json to_json(const std::vector<Line>& lines);

} // namespace bench
