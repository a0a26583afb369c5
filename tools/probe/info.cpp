#include "info.hpp"
#include "commands.hpp"
#include "json.hpp"

namespace probe {

namespace {

// If a poll fails, that is a finding: the rest is still reported.
std::expected<TimerResolution, Refused> try_timer_resolution() {
    try {
        return measure_timer_resolution();
    } catch (Refused& refused) {
        return std::unexpected(std::move(refused));
    }
}

MachineReport examine_machine() {
    auto limits = process_limits();
    std::ranges::move(system_limits(), std::back_inserter(limits));
    return {system(), facilities(), try_timer_resolution(), std::move(limits)};
}

std::string section(std::string_view title, std::string_view explanation, const Rows& rows,
                    const Output& output) {
    return heading(title, explanation, output) + aligned(rows, output);
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

std::string timer_section(const std::expected<TimerResolution, Refused>& measured, const Output& output) {
    if (!measured) {
        return section("timeouts", "not measured", {{{message_of(measured.error()), Style::bad}}}, output);
    }
    const auto& timer = *measured;
    const auto us = [](std::chrono::nanoseconds time) {
        return std::to_string(std::chrono::round<std::chrono::microseconds>(time).count()) + " µs";
    };
    const Rows rows{
        {{"resolution"}, {timer.is_fine() ? "finer than a millisecond" : "whole milliseconds, rounded up"}},
        {{"a poll of " + us(timer.asked)},
         {us(timer.fastest) + " at best, " + us(timer.median) + " as the median"}},
    };
    return section("timeouts", "measured", rows, output);
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

} // namespace

ExitStatus run(const InfoOptions& options) {
    const auto findings = examine_machine();
    Output output;
    if (options.json) {
        output.write(json_of(findings));
    } else {
        output.write(build_section(output) + '\n' + system_section(findings.system, output) + '\n'
                     + facility_section(findings.facilities, output) + '\n'
                     + timer_section(findings.timer, output) + '\n' + limit_section(findings.limits, output));
    }
    return ExitStatus::done;
}

TimerResolution measure_timer_resolution() {
    using namespace std::chrono_literals;

    constexpr auto asked = 100us;
    auto poll = must(mio::Poll::create(), "Poll::create");
    mio::Events events(1);
    std::array<std::chrono::nanoseconds, 21> took{}; // an odd number has a median of its own
    for (auto& time : took) {
        // No deadline: on a busy machine it would be over before the wait begins, which then is none.
        auto start = std::chrono::steady_clock::now();
        auto ended = poll.poll(events, asked);
        while (!ended && mio::interrupted(ended.error())) {
            start = std::chrono::steady_clock::now();
            ended = poll.poll(events, asked);
        }
        must(ended, "Poll::poll");
        time = std::chrono::steady_clock::now() - start;
    }
    std::ranges::sort(took);
    return {asked, took.front(), took[took.size() / 2]};
}

} // namespace probe
