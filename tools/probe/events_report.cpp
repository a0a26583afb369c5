#include "events.hpp"

namespace probe {

namespace {

constexpr std::size_t mark_width = 7; // "DIFFERS"
constexpr std::string_view raw_head = "raw record";
constexpr std::string_view unsupported = "unsupported";

Cell mark(bool is_good) { return is_good ? Cell{"ok", Style::good} : Cell{"DIFFERS", Style::bad}; }

// Empty if that backend did not reach the step.
const Step* find(const BackendResult& result, std::string_view name) {
    const auto step = std::ranges::find(result.steps, name, &Step::name);
    return step == result.steps.end() ? nullptr : &*step;
}

mio::Readiness union_of(const Step& step) {
    auto readiness = mio::Readiness::none;
    for (const auto& record : step.records) readiness |= record.readiness();
    return readiness;
}

std::string to_text(std::string_view scenario, const Difference& difference, const Output& output) {
    const auto place = std::string(scenario) + ", " + difference.step;
    return paragraph(place, output, 0, Style::bad)
           + aligned({{{"documented"}, {difference.documented}}, {{"seen"}, {difference.seen}}}, output);
}

// Wide enough for every row of the golden table, so that the columns do not move while rows are added.
std::size_t raw_width(const Backend& backend, const std::vector<Scenario>& list) {
    std::size_t width = std::max(raw_head.size(), unsupported.size());
    for (const auto& row : backend.contract) {
        if (std::ranges::find(list, row.scenario, &Scenario::name) != list.end())
            width = std::max(width, row.flags.size());
    }
    return width;
}

std::string verdict(const std::vector<ScenarioResult>& all, std::size_t backend, std::string_view name,
                    const std::string& interrupted, const Output& output) {
    std::string differences;
    std::size_t count = 0;
    std::size_t steps = 0;
    for (const auto& outcome : all) {
        const auto& result = outcome.results[backend];
        count += result.differences.size();
        steps += result.steps.size();
        for (const auto& difference : result.differences)
            differences += to_text(outcome.scenario.name, difference, output);
    }
    const auto documented = " documented for " + std::string(name);
    if (count == 0) {
        const auto text =
            interrupted
            + (steps == 1 ? "the only step played is" : "all " + std::to_string(steps) + " steps played are")
            + " as" + documented;
        return paragraph(text, output, 0, Style::good);
    }
    const auto text = interrupted + std::to_string(count) + " of " + std::to_string(steps)
                      + " steps played differ from what is" + documented;
    return differences + paragraph(text, output, 0, Style::bad);
}

std::string comparison(const std::vector<ScenarioResult>& all, const std::string& interrupted,
                       const Output& output) {
    std::size_t count = 0;
    std::size_t steps = 0;
    for (const auto& outcome : all) {
        const auto names = step_names(outcome);
        steps += names.size();
        count += static_cast<std::size_t>(
            std::ranges::count_if(names, [&](const std::string& name) { return !agree(outcome, name); }));
    }
    if (count == 0)
        return paragraph(interrupted
                             + (steps == 1 ? "the only step played agrees"
                                           : "all " + std::to_string(steps) + " steps played agree"),
                         output);
    return paragraph(interrupted + std::to_string(count) + " of " + std::to_string(steps)
                         + " steps played differ from backend to backend",
                     output);
}

} // namespace

std::vector<std::string> step_names(const ScenarioResult& outcome) {
    std::vector<std::string> names;
    for (const auto& result : outcome.results) {
        for (const auto& step : result.steps) {
            if (std::ranges::find(names, step.name) == names.end()) names.push_back(step.name);
        }
    }
    return names;
}

bool agree(const ScenarioResult& outcome, std::string_view step) {
    const auto* first = find(outcome.results.front(), step);
    return std::ranges::all_of(outcome.results, [&](const BackendResult& result) {
        const auto* other = find(result, step);
        if (first == nullptr || other == nullptr) return first == other;
        return first->is_unsupported == other->is_unsupported
               && first->records.empty() == other->records.empty() && union_of(*first) == union_of(*other);
    });
}

// Columns: a mark if there is something to compare, scenario, step; for each backend a mark of its own if several are
// checked, the predicates, the raw record.
ReportTable::ReportTable(Output& output, const Selection& selection)
    : output_(output), backends_(selection.backends), check_(selection.check) {
    std::size_t scenario_width = 0;
    std::size_t step_width = 0;
    for (const auto& backend : backends_) {
        for (const auto& row : backend.contract) {
            const auto& list = selection.scenarios;
            if (std::ranges::find(list, row.scenario, &Scenario::name) == list.end()) continue;
            scenario_width = std::max(scenario_width, row.scenario.size());
            step_width = std::max(step_width, row.step.size());
        }
    }
    if (check_ || is_comparison()) widths_.push_back(mark_width);
    widths_.push_back(scenario_width);
    widths_.push_back(step_width);
    for (const auto& backend : backends_) {
        if (check_ && is_comparison()) widths_.push_back(mark_width);
        widths_.push_back(predicate_columns.size());
        widths_.push_back(raw_width(backend, selection.scenarios));
    }
}

bool ReportTable::is_narrow() const noexcept {
    std::size_t sum = 0;
    for (const auto width : widths_) sum += (sum == 0 ? 0 : 2) + width;
    return sum > output_.width();
}

void ReportTable::head() {
    if (is_narrow()) return; // the letters are explained at the end
    std::vector<Cell> names;
    std::vector<Cell> titles;
    const auto append = [&](std::string_view name, std::string_view title) {
        names.push_back({std::string(name), Style::strong});
        titles.push_back({std::string(title), Style::strong});
    };
    if (is_comparison()) {
        append("", "compare");
    } else if (check_) {
        append("", "check");
    }
    append("", "scenario");
    append("", "step");
    for (const auto& backend : backends_) {
        const bool is_marked = check_ && is_comparison();
        if (is_marked) append(backend.name, "check");
        append(is_marked ? "" : backend.name, predicate_columns);
        append("", raw_head);
    }
    if (is_comparison()) line(names);
    line(titles);
}

// Each scenario, its steps, and the events of each backend, each indented further.
void ReportTable::rows_below(const ScenarioResult& outcome) {
    output_.write(paragraph(outcome.scenario.name, output_, 0, Style::accent));
    for (const auto& step : step_names(outcome)) {
        std::string text = step;
        auto style = Style::plain;
        if (is_comparison()) {
            const bool is_same = agree(outcome, step);
            text = (is_same ? "same: " : "DIFFERS: ") + step;
            if (!is_same) style = Style::bad;
        }
        output_.write(paragraph(text, output_, 2, style));
        for (const auto& result : outcome.results) rows_below(result, step);
    }
}

void ReportTable::rows_below(const BackendResult& result, const std::string& step) {
    const auto* seen = find(result, step);
    if (seen == nullptr) return;
    std::string head = is_comparison() ? std::string(result.backend.name) + ": " : "";
    auto style = Style::plain;
    if (check_) {
        const auto& differences = result.differences;
        const bool is_good = std::ranges::find(differences, step, &Difference::step) == differences.end();
        head += is_good ? "ok: " : "DIFFERS: ";
        if (!is_good) style = Style::bad;
    }
    if (seen->records.empty()) {
        head += seen->is_unsupported ? unsupported : "nothing";
        output_.write(paragraph(head, output_, 4, style == Style::plain ? Style::faint : style));
        return;
    }
    for (const auto& record : seen->records) {
        const auto predicates = letters(record.readiness());
        output_.write(
            paragraph(head + '[' + predicates + "] " + result.backend.describe(record), output_, 4, style));
        head = "then ";
    }
}

void ReportTable::rows(const ScenarioResult& outcome) {
    if (is_narrow()) return rows_below(outcome);
    std::string_view scenario = outcome.scenario.name;
    for (const auto& step : step_names(outcome)) rows(outcome, std::exchange(scenario, ""), step);
}

void ReportTable::rows(const ScenarioResult& outcome, std::string_view scenario, const std::string& step) {
    std::size_t count = 1;
    for (const auto& result : outcome.results) {
        if (const auto* seen = find(result, step)) count = std::max(count, seen->records.size());
    }
    for (std::size_t i = 0; i < count; ++i) {
        std::vector<Cell> cells;
        if (is_comparison()) {
            const auto same = agree(outcome, step) ? Cell{"same"} : Cell{"DIFFERS", Style::bad};
            cells.push_back(i == 0 ? same : Cell{});
        } else if (check_) {
            const auto& differences = outcome.results.front().differences;
            const bool is_good = std::ranges::find(differences, step, &Difference::step) == differences.end();
            cells.push_back(i == 0 ? mark(is_good) : Cell{});
        }
        cells.push_back({std::string(i == 0 ? scenario : ""), Style::accent});
        cells.push_back({i == 0 ? step : "  then"});
        for (const auto& result : outcome.results) append(cells, result, step, i);
        line(cells);
    }
}

// The cells of one backend in one line of a step.
void ReportTable::append(std::vector<Cell>& cells, const BackendResult& result, const std::string& step,
                         std::size_t line) const {
    const auto* seen = find(result, step);
    if (check_ && is_comparison()) {
        const auto& differences = result.differences;
        const bool is_good = std::ranges::find(differences, step, &Difference::step) == differences.end();
        cells.push_back(seen == nullptr || line > 0 ? Cell{} : mark(is_good));
    }
    if (seen == nullptr || (line > 0 && line >= seen->records.size())) {
        cells.insert(cells.end(), 2, Cell{});
    } else if (seen->records.empty()) {
        cells.push_back({letter_columns(mio::Readiness::none), Style::faint});
        cells.push_back({std::string(seen->is_unsupported ? unsupported : "nothing"), Style::faint});
    } else {
        const auto& record = seen->records[line];
        cells.push_back({letter_columns(record.readiness())});
        cells.push_back({result.backend.describe(record)});
    }
}

void ReportTable::line(std::span<const Cell> cells) {
    while (!cells.empty() && cells.back().text.empty()) cells = cells.first(cells.size() - 1);
    std::string text;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const bool is_last = i + 1 == cells.size();
        text += output_.styled(is_last ? cells[i].text : padded(cells[i].text, widths_[i]), cells[i].style);
        if (!is_last) text += "  ";
    }
    output_.write(text + '\n');
}

std::string verdict(const std::vector<ScenarioResult>& all, const Selection& selection,
                    const Output& output) {
    const std::string interrupted = all.size() == selection.scenarios.size() ? "" : "interrupted; ";
    std::string text;
    for (std::size_t i = 0; selection.check && i < selection.backends.size(); ++i) {
        text += verdict(all, i, selection.backends[i].name, interrupted, output);
    }
    if (selection.backends.size() > 1) text += comparison(all, interrupted, output);
    if (text.empty() && !interrupted.empty())
        text = paragraph(interrupted + std::to_string(all.size()) + " of "
                             + std::to_string(selection.scenarios.size()) + " scenarios were played",
                         output);
    return text;
}

std::string table_of(const std::vector<Scenario>& list, const Output& output) {
    std::vector<std::vector<Cell>> rows;
    for (const auto& scenario : list) {
        rows.push_back({{std::string(scenario.name), Style::accent}, {std::string(scenario.description)}});
    }
    return aligned(rows, output);
}

} // namespace probe
