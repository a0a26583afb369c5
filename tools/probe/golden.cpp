#include "stage.hpp"

namespace probe {
namespace {

constexpr std::pair<std::string_view, Times> times_by_name[] = {
    {"never", Times::never},
    {"once", Times::once},
    {"at-least-once", Times::at_least_once},
    {"unsupported", Times::unsupported},
};

// Removes the first word of `text`, and the spaces around it.
std::string_view take_word(std::string_view& text) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    const auto word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    return word;
}

Times times_of(std::string_view word) {
    const auto* const found =
        std::ranges::find(times_by_name, word, &std::pair<std::string_view, Times>::first);
    if (found == std::end(times_by_name))
        throw std::runtime_error("golden table: unknown times: " + std::string(word));
    return found->second;
}

std::vector<Row> rows_named(std::string_view backend) {
    std::vector<Row> rows;
    std::string_view scenario;
    std::string_view step;
    auto text = golden_text();
    while (!text.empty()) {
        auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        if (line.empty() || line.starts_with('#')) continue;
        if (!line.starts_with(' ')) {
            const auto colon = line.find(": ");
            if (colon == line.npos) throw std::runtime_error("golden table: no step: " + std::string(line));
            scenario = line.substr(0, colon);
            step = line.substr(colon + 2);
        } else if (take_word(line) == backend) {
            const auto times = times_of(take_word(line));
            const auto flags = take_word(line);
            rows.push_back({scenario, step, times, flags, line});
        }
    }
    return rows;
}

} // namespace

std::vector<Row> golden_rows(std::string_view backend) {
    auto rows = rows_named(backend);
    if (backend != "kqueue" || !kqueue_is_double()) return rows;
    const auto other = rows_named("kqueue-double");
    std::erase_if(rows, [&](const Row& row) {
        return std::ranges::any_of(
            other, [&](const Row& o) { return o.scenario == row.scenario && o.step == row.step; });
    });
    rows.insert(rows.end(), other.begin(), other.end());
    return rows;
}

} // namespace probe
