module;

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

module probe.events.contract;

import mio;
import probe.events.stage;
import probe.predicates;

namespace probe {
namespace {

std::string in_words(std::string_view flags, std::string_view predicates) {
    return std::string(flags) + " [" + std::string(predicates) + ']';
}

std::string in_words(const Row& row) {
    switch (row.times) {
    case Times::never: return "nothing";
    case Times::once: return "once " + in_words(row.flags, row.predicates);
    case Times::at_least_once: return in_words(row.flags, row.predicates);
    }
    return {};
}

std::string in_words(const Step& step) {
    std::string text;
    for (const auto& record : step.records) {
        if (!text.empty()) text += ", then ";
        text += in_words(describe(record), letters(record.readiness()));
    }
    return text.empty() ? "nothing" : text;
}

bool is_as_documented(const Step& step, const Row& row) {
    if (row.times == Times::never) return step.records.empty();
    if (step.records.empty() || (row.times == Times::once && step.records.size() != 1)) return false;
    const auto& last = step.records.back();
    return describe(last) == row.flags && letters(last.readiness()) == row.predicates;
}

} // namespace

std::vector<Difference> compare(std::string_view scenario, const std::vector<Step>& steps) {
    std::vector<Difference> differences;
    for (const auto& step : steps) {
        const auto row = std::ranges::find_if(
            contract(), [&](const Row& r) { return r.scenario == scenario && r.step == step.name; });
        if (row == contract().end()) {
            differences.push_back({step.name, "no row", in_words(step)});
        } else if (!is_as_documented(step, *row)) {
            differences.push_back({step.name, in_words(*row), in_words(step)});
        }
    }
    for (const auto& row : contract()) {
        if (row.scenario != scenario || std::ranges::find(steps, row.step, &Step::name) != steps.end())
            continue;
        differences.push_back({std::string(row.step), in_words(row), "no such step"});
    }
    return differences;
}

} // namespace probe
