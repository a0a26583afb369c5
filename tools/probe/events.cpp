#include "events.hpp"
#include "commands.hpp"
#include "machine.hpp"

namespace probe {

namespace {

std::vector<Scenario> chosen_scenarios(const std::vector<std::string>& names) {
    const auto all = scenarios();
    if (names.empty()) return all;
    // In their order, and each once, however many patterns match it.
    const auto matches_any = [&](const Scenario& scenario) {
        return std::ranges::any_of(names,
                                   [&](const auto& name) { return matches_glob(name, scenario.name); });
    };
    for (const auto& name : names) {
        const auto is_match = [&](const Scenario& scenario) { return matches_glob(name, scenario.name); };
        if (std::ranges::any_of(all, is_match)) continue;
        std::vector<std::string_view> known;
        for (const auto& scenario : all) known.push_back(scenario.name);
        throw WrongUsage{"--scenario '" + name + "': there is none of that name; see: mio-probe events --list"
                         + did_you_mean(name, known)};
    }
    std::vector<Scenario> some;
    std::ranges::copy_if(all, std::back_inserter(some), matches_any);
    return some;
}

std::vector<Backend> chosen_backends(std::vector<std::string> names) {
    const auto all = observable_backends();
    if (names.empty()) names.emplace_back(mio::backend());
    std::vector<Backend> some;
    for (const auto& name : names) {
        const auto found = std::ranges::find(all, name, &Backend::name);
        if (found == all.end()) {
            std::vector<std::string_view> known;
            for (const auto& backend : all) known.push_back(backend.name);
            throw WrongUsage{"--backend '" + name + "': this build has: " + joined(backends())
                             + did_you_mean(name, known)};
        }
        some.push_back(*found);
    }
    return some;
}

std::vector<Step> steps_of(const Scenario& scenario, const Backend& backend) {
    Stage stage(backend);
    try {
        scenario.run(stage);
    } catch (const Unsupported&) {
        auto steps = stage.steps();
        steps.push_back({"add", {}, true});
        return steps;
    }
    return stage.steps();
}

BackendResult run_on(const Scenario& scenario, const Backend& backend) {
    try {
        auto steps = steps_of(scenario, backend);
        auto differences = compare(backend, scenario.name, steps);
        return {backend, std::move(steps), std::move(differences)};
    } catch (Refused& refused) {
        refused.call = std::string(scenario.name) + " on " + std::string(backend.name) + ": " + refused.call;
        if (refused.explanation.empty()) refused.explanation = loopback_explanation(refused.error);
        throw;
    }
}

ScenarioResult run_scenario(const Scenario& scenario, const std::vector<Backend>& backends) {
    ScenarioResult outcome{scenario, {}};
    for (const auto& backend : backends) outcome.results.push_back(run_on(scenario, backend));
    return outcome;
}

bool is_as_documented(const ScenarioResult& outcome) {
    return std::ranges::all_of(outcome.results, [](const BackendResult& p) { return p.differences.empty(); });
}

} // namespace

ExitStatus run(const EventsOptions& options) {
    const Selection selection{chosen_scenarios(options.scenarios), chosen_backends(options.backends),
                              options.check};
    Output output;
    if (options.list) {
        output.write(options.json ? json_of(selection.scenarios) : table_of(selection.scenarios, output));
        return ExitStatus::done;
    }

    const Interrupt interrupt;
    ReportTable table(output, selection);
    if (!options.json) table.head();
    std::vector<ScenarioResult> all;
    for (const auto& scenario : selection.scenarios) {
        if (interrupt.requested()) break;
        all.push_back(run_scenario(scenario, selection.backends));
        if (!options.json) table.rows(all.back());
    }

    if (options.json) {
        output.write(json_of(all, selection));
    } else {
        output.write('\n' + paragraph(predicate_legend, output, 0, Style::faint)
                     + verdict(all, selection, output));
    }
    if (!options.check) return ExitStatus::done;
    if (!std::ranges::all_of(all, is_as_documented)) return ExitStatus::differs;
    const bool is_complete = all.size() == selection.scenarios.size();
    return is_complete ? ExitStatus::done : ExitStatus::interrupted;
}

namespace {

using StepRows = std::vector<Row>;

std::string to_text(std::string_view flags, std::string_view predicates) {
    return std::string(flags) + " [" + std::string(predicates) + ']';
}

std::string to_text(const Row& row) {
    switch (row.times) {
    case Times::never: return "nothing";
    case Times::once: return "once " + to_text(row.flags, row.predicates);
    case Times::at_least_once: return to_text(row.flags, row.predicates);
    case Times::unsupported: return "not supported";
    }
    return {};
}

std::string to_text(const StepRows& rows) {
    std::string text;
    for (const auto& row : rows) text += (text.empty() ? "" : " and ") + to_text(row);
    return text;
}

std::string to_text(const Backend& backend, const Step& step) {
    if (step.is_unsupported) return "not supported";
    std::string text;
    for (const auto& record : step.records) {
        if (!text.empty()) text += ", then ";
        text += to_text(backend.describe(record), letters(record.readiness()));
    }
    return text.empty() ? "nothing" : text;
}

bool matches(const Backend& backend, const mio::Event& record, const Row& row) {
    return backend.describe(record) == row.flags && letters(record.readiness()) == row.predicates;
}

bool holds(const Backend& backend, const Step& step, const Row& row) {
    const auto count = std::ranges::count_if(
        step.records, [&](const mio::Event& record) { return matches(backend, record, row); });
    switch (row.times) {
    case Times::never: return step.records.empty();
    case Times::once: return count == 1;
    case Times::at_least_once: return count >= 1;
    case Times::unsupported: return step.is_unsupported;
    }
    return false;
}

bool is_as_documented(const Backend& backend, const Step& step, const StepRows& rows) {
    if (!std::ranges::all_of(rows, [&](const Row& row) { return holds(backend, step, row); })) return false;
    if (step.records.empty()) return true;
    // Of a change reported in several parts, the last part is complete. An event reported once has no other parts.
    const auto is_documented = [&](const mio::Event& record) {
        return std::ranges::any_of(rows, [&](const Row& row) { return matches(backend, record, row); });
    };
    const bool has_parts = std::ranges::find(rows, Times::at_least_once, &Row::times) != rows.end();
    return has_parts ? is_documented(step.records.back()) : std::ranges::all_of(step.records, is_documented);
}

} // namespace

std::vector<Difference> compare(const Backend& backend, std::string_view scenario,
                                const std::vector<Step>& steps) {
    StepRows rows; // of this scenario
    std::ranges::copy_if(backend.contract, std::back_inserter(rows),
                         [&](const Row& row) { return row.scenario == scenario; });
    std::vector<Difference> differences;
    for (const auto& step : steps) {
        StepRows of_step;
        std::ranges::copy_if(rows, std::back_inserter(of_step),
                             [&](const Row& row) { return row.step == step.name; });
        if (of_step.empty()) {
            differences.push_back({step.name, "no row", to_text(backend, step)});
        } else if (!is_as_documented(backend, step, of_step)) {
            differences.push_back({step.name, to_text(of_step), to_text(backend, step)});
        }
    }
    for (const auto& row : rows) {
        if (std::ranges::find(steps, row.step, &Step::name) != steps.end()) continue;
        differences.push_back({std::string(row.step), to_text(row), "no such step"});
    }
    return differences;
}

} // namespace probe
