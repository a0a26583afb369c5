module;

#include <algorithm>
#include <string>
#include <vector>

module probe.events;

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

std::vector<Scenario> chosen(const std::vector<std::string>& names) {
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

Played play(const Scenario& scenario) {
    try {
        Stage stage;
        scenario.play(stage);
        return {scenario, stage.steps(), compare(scenario.name, stage.steps())};
    } catch (Refused& refused) {
        refused.call = std::string(scenario.name) + ": " + refused.call;
        throw;
    }
}

} // namespace

ExitStatus run(const EventsOptions& options) {
    const auto list = chosen(options.scenarios);
    Output output;
    if (options.list) {
        output.write(options.json ? json_of(list) : table_of(list, output));
        return ExitStatus::done;
    }

    const Interrupt interrupt;
    Sheet sheet(output, list, options.check);
    if (!options.json) sheet.head();
    std::vector<Played> all;
    for (const auto& scenario : list) {
        if (interrupt.requested()) break;
        all.push_back(play(scenario));
        if (!options.json) sheet.rows(all.back());
    }

    const bool is_complete = all.size() == list.size();
    if (options.json) {
        output.write(json_of(all, is_complete, options.check));
    } else {
        output.write('\n' + output.styled(predicate_legend, Style::faint) + '\n');
        if (options.check) output.write(verdict(all, is_complete, output));
    }
    const bool as_documented =
        std::ranges::all_of(all, [](const Played& p) { return p.differences.empty(); });
    return options.check && !as_documented ? ExitStatus::differs : ExitStatus::done;
}

} // namespace probe
