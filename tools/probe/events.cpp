module;

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module probe.events;

import mio;
import probe.build_info;
import probe.events.backend;
import probe.events.contract;
import probe.events.report;
import probe.events.scenario;
import probe.events.stage;
import probe.failure;
import probe.interrupt;
import probe.output;
import probe.predicates;

namespace probe {
namespace {

std::vector<Scenario> chosen_scenarios(const std::vector<std::string>& names) {
    const auto all = scenarios();
    if (names.empty()) return all;
    std::vector<Scenario> some;
    for (const auto& name : names) {
        const auto found = std::ranges::find(all, name, &Scenario::name);
        if (found == all.end()) {
            throw WrongUsage{"--scenario '" + name
                             + "': there is none of that name; see: mio-probe events --list"};
        }
        some.push_back(*found);
    }
    return some;
}

std::vector<Backend> chosen_backends(std::vector<std::string> names) {
    const auto all = observable_backends();
    if (names.empty()) names.emplace_back(mio::backend());
    std::vector<Backend> some;
    for (const auto& name : names) {
        const auto found = std::ranges::find(all, name, &Backend::name);
        if (found == all.end()) {
            throw WrongUsage{"--backend '" + name + "': this build has: " + joined(backends())};
        }
        some.push_back(*found);
    }
    return some;
}

std::vector<Step> steps_of(const Scenario& scenario, const Backend& backend) {
    Stage stage(backend);
    try {
        scenario.play(stage);
    } catch (const Unsupported&) {
        auto steps = stage.steps();
        steps.push_back({"add", {}, true});
        return steps;
    }
    return stage.steps();
}

Performance perform(const Scenario& scenario, const Backend& backend) {
    try {
        auto steps = steps_of(scenario, backend);
        auto differences = compare(backend, scenario.name, steps);
        return {backend, std::move(steps), std::move(differences)};
    } catch (Refused& refused) {
        refused.call = std::string(scenario.name) + " on " + std::string(backend.name) + ": " + refused.call;
        throw;
    }
}

Played play(const Scenario& scenario, const std::vector<Backend>& backends) {
    Played played{scenario, {}};
    for (const auto& backend : backends) played.performances.push_back(perform(scenario, backend));
    return played;
}

bool is_as_documented(const Played& played) {
    return std::ranges::all_of(played.performances,
                               [](const Performance& p) { return p.differences.empty(); });
}

} // namespace

ExitStatus run(const EventsOptions& options) {
    const Request request{chosen_scenarios(options.scenarios), chosen_backends(options.backends),
                          options.check};
    Output output;
    if (options.list) {
        output.write(options.json ? json_of(request.scenarios) : table_of(request.scenarios, output));
        return ExitStatus::done;
    }

    const Interrupt interrupt;
    Sheet sheet(output, request);
    if (!options.json) sheet.head();
    std::vector<Played> all;
    for (const auto& scenario : request.scenarios) {
        if (interrupt.requested()) break;
        all.push_back(play(scenario, request.backends));
        if (!options.json) sheet.rows(all.back());
    }

    if (options.json) {
        output.write(json_of(all, request));
    } else {
        output.write('\n' + output.styled(predicate_legend, Style::faint) + '\n'
                     + verdict(all, request, output));
    }
    return options.check && !std::ranges::all_of(all, is_as_documented) ? ExitStatus::differs
                                                                        : ExitStatus::done;
}

} // namespace probe
