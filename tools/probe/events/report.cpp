module;

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module probe.events.report;

import mio;
import probe.events.contract;
import probe.events.scenario;
import probe.events.stage;
import probe.output;
import probe.predicates;

namespace probe {
namespace {

std::string in_words(const Played& played, const Difference& difference, const Output& output) {
    const auto place = std::string(played.scenario.name) + ", " + difference.step;
    return output.styled(place, Style::bad) + "\n  documented  " + difference.documented + "\n  seen        "
           + difference.seen + '\n';
}

} // namespace

// The columns are as wide as every row of the contract needs, so that they stand still while the rows come.
Sheet::Sheet(Output& output, const std::vector<Scenario>& list, bool check) : output_(output), check_(check) {
    for (const auto& row : contract()) {
        if (std::ranges::find(list, row.scenario, &Scenario::name) == list.end()) continue;
        scenario_width_ = std::max(scenario_width_, row.scenario.size());
        step_width_ = std::max(step_width_, row.step.size());
    }
}

void Sheet::head() {
    line({"check", Style::strong}, {"scenario", Style::strong}, {"step", Style::strong},
         {std::string(predicate_places), Style::strong}, {"raw record", Style::strong});
}

void Sheet::rows(const Played& played) {
    std::string_view scenario = played.scenario.name;
    for (const auto& step : played.steps) {
        const auto difference = std::ranges::find(played.differences, step.name, &Difference::step);
        rows(std::exchange(scenario, ""), step, difference != played.differences.end());
    }
}

void Sheet::rows(std::string_view scenario, const Step& step, bool differs) {
    const Cell mark{differs ? "DIFFERS" : "ok", differs ? Style::bad : Style::good};
    if (step.records.empty()) {
        line(mark, {std::string(scenario), Style::accent}, {step.name},
             {in_places(mio::Readiness::none), Style::faint}, {"nothing", Style::faint});
    }
    for (std::size_t i = 0; i < step.records.size(); ++i) {
        const auto& record = step.records[i];
        line(i == 0 ? mark : Cell{}, {std::string(i == 0 ? scenario : ""), Style::accent},
             {i == 0 ? step.name : "  then"}, {in_places(record.readiness())}, {describe(record)});
    }
}

void Sheet::line(const Cell& mark, const Cell& scenario, const Cell& step, const Cell& predicates,
                 const Cell& raw) {
    constexpr std::size_t mark_width = 7; // "DIFFERS"
    std::string text;
    if (check_) text += output_.styled(padded(mark.text, mark_width), mark.style) + "  ";
    text += output_.styled(padded(scenario.text, scenario_width_), scenario.style) + "  ";
    text += output_.styled(padded(step.text, step_width_), step.style) + "  ";
    text += output_.styled(predicates.text, predicates.style) + "  ";
    text += output_.styled(raw.text, raw.style);
    output_.write(text + '\n');
}

std::string verdict(const std::vector<Played>& all, bool is_complete, const Output& output) {
    std::string differences;
    std::size_t count = 0;
    std::size_t steps = 0;
    for (const auto& played : all) {
        count += played.differences.size();
        steps += played.steps.size();
        for (const auto& difference : played.differences) differences += in_words(played, difference, output);
    }
    const std::string interrupted = is_complete ? "" : "interrupted; ";
    const auto documented = " documented for " + std::string(mio::backend());
    if (count == 0) {
        const auto text = interrupted + "all " + std::to_string(steps) + " steps played are as" + documented;
        return output.styled(text, Style::good) + '\n';
    }
    const auto text = interrupted + std::to_string(count) + " of " + std::to_string(steps)
                      + " steps played differ from what is" + documented;
    return differences + output.styled(text, Style::bad) + '\n';
}

std::string table_of(const std::vector<Scenario>& list, const Output& output) {
    std::vector<std::vector<Cell>> rows;
    for (const auto& scenario : list) {
        rows.push_back({{std::string(scenario.name), Style::accent}, {std::string(scenario.description)}});
    }
    return aligned(rows, output);
}

} // namespace probe
