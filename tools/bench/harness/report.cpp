#include "harness/report.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iomanip>
#include <iterator>
#include <limits>
#include <ostream>
#include <sstream>

namespace bench {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

std::vector<double> each(const std::vector<Sample>& samples, double Sample::* member) {
    std::vector<double> values;
    for (const auto& sample : samples) values.push_back(sample.*member);
    return values;
}

double paired_ratio(const std::vector<double>& these, const std::vector<double>& those) {
    std::vector<double> ratios;
    std::ranges::transform(these, those, std::back_inserter(ratios), std::divides());
    return spread_of(std::move(ratios)).median;
}

// With the digits that mean something.
std::string number(double value, int digits) {
    if (!std::isfinite(value)) return "-";
    std::ostringstream text;
    text << std::fixed << std::setprecision(digits) << value;
    return text.str();
}
std::string nanoseconds(double value) { return number(value, std::abs(value) < 100 ? 1 : 0); }

nlohmann::ordered_json number_or_null(double value) {
    if (!std::isfinite(value)) return nullptr;
    return value;
}

nlohmann::ordered_json to_json(const Spread& spread) {
    return {{"minimum", number_or_null(spread.minimum)},
            {"median", number_or_null(spread.median)},
            {"maximum", number_or_null(spread.maximum)}};
}

} // namespace

Spread spread_of(std::vector<double> values) {
    std::erase_if(values, [](double value) { return !std::isfinite(value); });
    if (values.empty()) return {none, none, none};
    std::ranges::sort(values);
    const std::size_t middle = values.size() / 2;
    const double median = values.size() % 2 != 0 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
    return {values.front(), median, values.back()};
}

std::vector<Line> lines_of(const std::vector<Outcome>& outcomes) {
    const auto base =
        std::ranges::find_if(outcomes, [](const Outcome& one) { return one.what->contestant == reference; });
    std::vector<Line> lines;
    for (const auto& outcome : outcomes) {
        const auto time = each(outcome.samples, &Sample::time_ns);
        const auto processor = each(outcome.samples, &Sample::processor_ns);
        Line line{.workload = std::string(outcome.what->workload.name),
                  .description = std::string(outcome.what->workload.description),
                  .contestant = outcome.what->contestant,
                  .operations = outcome.operations,
                  .time_ns = spread_of(time),
                  .processor_ns = spread_of(processor),
                  .time_ratio = none,
                  .processor_ratio = none,
                  .samples = outcome.samples};
        if (base != outcomes.end()) {
            line.time_ratio = paired_ratio(time, each(base->samples, &Sample::time_ns));
            line.processor_ratio = paired_ratio(processor, each(base->samples, &Sample::processor_ns));
        }
        lines.push_back(std::move(line));
    }
    return lines;
}

void print_machine(std::ostream& out, const nlohmann::ordered_json& machine) {
    for (const auto& [name, value] : machine.items()) {
        out << name << ": " << (value.is_string() ? value.get<std::string>() : value.dump()) << '\n';
    }
}

void print_heading(std::ostream& out) {
    out << "\nNanoseconds for each operation: the time, and what the measured thread used of its processor.\n"
           "Ratios are to the bare system calls: the median of those of each round.\n\n"
        << std::left << std::setw(18) << "" << std::right << std::setw(31) << "time" << std::setw(9)
        << "ratio" << std::setw(11) << "processor" << std::setw(9) << "ratio" << '\n'
        << std::left << std::setw(18) << "" << std::right << std::setw(11) << "minimum" << std::setw(10)
        << "median" << std::setw(10) << "maximum" << std::setw(9) << "median" << std::setw(11) << "median"
        << std::setw(9) << "median" << '\n';
}

void print(std::ostream& out, const std::vector<Line>& lines) {
    if (lines.empty()) return;
    out << '\n' << lines.front().workload << ": " << lines.front().description << '\n';
    for (const auto& line : lines) {
        out << "  " << std::left << std::setw(16) << line.contestant << std::right << std::setw(11)
            << nanoseconds(line.time_ns.minimum) << std::setw(10) << nanoseconds(line.time_ns.median)
            << std::setw(10) << nanoseconds(line.time_ns.maximum) << std::setw(9)
            << number(line.time_ratio, 3) << std::setw(11) << nanoseconds(line.processor_ns.median)
            << std::setw(9) << number(line.processor_ratio, 3) << '\n';
    }
    out.flush();
}

nlohmann::ordered_json to_json(const std::vector<Line>& lines) {
    auto all = nlohmann::ordered_json::array();
    for (const auto& line : lines) {
        auto samples = nlohmann::ordered_json::array();
        for (const auto& sample : line.samples) {
            samples.push_back({{"time_ns", number_or_null(sample.time_ns)},
                               {"processor_ns", number_or_null(sample.processor_ns)}});
        }
        all.push_back({{"workload", line.workload},
                       {"description", line.description},
                       {"contestant", line.contestant},
                       {"operations", line.operations},
                       {"time_ns", to_json(line.time_ns)},
                       {"processor_ns", to_json(line.processor_ns)},
                       {"time_ratio", number_or_null(line.time_ratio)},
                       {"processor_ratio", number_or_null(line.processor_ratio)},
                       {"samples", std::move(samples)}});
    }
    return all;
}

} // namespace bench
