module;

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

module probe.info;

import mio;
import probe.build_info;
import probe.failure;
import probe.info.system;
import probe.info.timer;
import probe.output;

namespace probe {
namespace {

using Json = nlohmann::ordered_json;
using Rows = std::vector<std::vector<Cell>>;

struct Findings {
    System system;
    std::vector<Facility> facilities;
    TimerResolution timer;
    std::vector<Limit> limits;
};

Findings find_out() {
    auto limits = process_limits();
    std::ranges::move(system_limits(), std::back_inserter(limits));
    return {system(), facilities(), measure_timer_resolution(), std::move(limits)};
}

long long microseconds(std::chrono::nanoseconds time) {
    return std::chrono::round<std::chrono::microseconds>(time).count();
}

std::string section(std::string_view title, std::string_view explanation, const Rows& rows,
                    const Output& output) {
    std::string head = output.styled(title, Style::strong);
    if (!explanation.empty()) head += output.styled(", " + std::string(explanation), Style::faint);
    return head + '\n' + aligned(rows, output);
}

std::string build_section(const Output& output) {
    const Rows rows{
        {{"version"}, {std::string(version())}},
        {{"backend selected"}, {std::string(mio::backend()), Style::good}},
        {{"backends built in"}, {joined(backends())}},
        {{"compiler"}, {compiler()}},
        {{"standard library"}, {standard_library()}},
    };
    return section("mio-probe", "", rows, output);
}

std::string system_section(const System& system, const Output& output) {
    Rows rows{{{"kernel"}, {system.name + ' ' + system.kernel}}, {{"machine"}, {system.machine}}};
    if (!system.distribution.empty()) rows.push_back({{"distribution"}, {system.distribution}});
    return section("system", "", rows, output);
}

std::string facility_section(const std::vector<Facility>& list, const Output& output) {
    Rows rows;
    for (const auto& facility : list) {
        if (facility.error) {
            rows.push_back({{facility.name}, {"no", Style::bad}, {error_text(facility.error)}});
        } else {
            rows.push_back({{facility.name}, {"yes", Style::good}, {facility.purpose, Style::faint}});
        }
    }
    return section("facilities", "found by trying them", rows, output);
}

std::string timer_section(const TimerResolution& timer, const Output& output) {
    const auto us = [](std::chrono::nanoseconds time) { return std::to_string(microseconds(time)) + " µs"; };
    const Rows rows{
        {{"resolution"}, {timer.is_fine() ? "finer than a millisecond" : "whole milliseconds, rounded up"}},
        {{"a poll of " + us(timer.asked)},
         {us(timer.fastest) + " at best, " + us(timer.median) + " as the median"}},
    };
    return section("time-outs", "measured", rows, output);
}

std::string limit_section(const std::vector<Limit>& list, const Output& output) {
    Rows rows;
    for (const auto& limit : list) {
        if (limit.error) {
            rows.push_back(
                {{limit.name}, {"unknown", Style::bad}, {limit.purpose + ": " + error_text(limit.error)}});
        } else {
            rows.push_back({{limit.name}, {limit.value}, {limit.purpose, Style::faint}});
        }
    }
    return section("limits", "", rows, output);
}

Json to_json(const System& system) {
    return {{"name", system.name},
            {"kernel", system.kernel},
            {"machine", system.machine},
            {"distribution", system.distribution}};
}

Json to_json(const Facility& facility) {
    Json json{{"name", facility.name}, {"available", !facility.error}, {"purpose", facility.purpose}};
    if (facility.error) json["error"] = error_text(facility.error);
    return json;
}

Json to_json(const TimerResolution& timer) {
    return {{"finer_than_a_millisecond", timer.is_fine()},
            {"asked_us", microseconds(timer.asked)},
            {"fastest_us", microseconds(timer.fastest)},
            {"median_us", microseconds(timer.median)}};
}

Json to_json(const Limit& limit) {
    Json json{{"name", limit.name}, {"purpose", limit.purpose}};
    if (limit.error) {
        json["error"] = error_text(limit.error);
    } else {
        json["value"] = limit.value;
    }
    return json;
}

template <class T> Json to_json(const std::vector<T>& list) {
    auto json = Json::array();
    for (const auto& item : list) json.push_back(to_json(item));
    return json;
}

Json to_json(const Findings& findings) {
    return {{"version", version()},
            {"backend", mio::backend()},
            {"backends", backends()},
            {"compiler", compiler()},
            {"standard_library", standard_library()},
            {"system", to_json(findings.system)},
            {"facilities", to_json(findings.facilities)},
            {"timer", to_json(findings.timer)},
            {"limits", to_json(findings.limits)}};
}

} // namespace

ExitStatus run(const InfoOptions& options) {
    const auto findings = find_out();
    Output output;
    if (options.json) {
        output.write(to_json(findings).dump(2) + '\n');
    } else {
        output.write(build_section(output) + '\n' + system_section(findings.system, output) + '\n'
                     + facility_section(findings.facilities, output) + '\n'
                     + timer_section(findings.timer, output) + '\n' + limit_section(findings.limits, output));
    }
    return ExitStatus::done;
}

} // namespace probe
