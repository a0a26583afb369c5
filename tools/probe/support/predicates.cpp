module;

#include <string>
#include <string_view>
#include <vector>

module probe.predicates;

import mio;

namespace probe {
namespace {

struct Predicate {
    mio::Readiness bit;
    std::string_view letters;
    std::string_view name;
};

constexpr Predicate predicates[] = {
    {mio::Readiness::readable, "R", "readable"},
    {mio::Readiness::writable, "W", "writable"},
    {mio::Readiness::error, "E", "error"},
    {mio::Readiness::read_closed, "RC", "read_closed"},
    {mio::Readiness::write_closed, "WC", "write_closed"},
    {mio::Readiness::priority, "P", "priority"},
};

bool holds(mio::Readiness readiness, const Predicate& predicate) {
    return (readiness & predicate.bit) != mio::Readiness::none;
}

} // namespace

std::string in_places(mio::Readiness readiness) {
    std::string text;
    for (const auto& predicate : predicates) {
        if (!text.empty()) text += ' ';
        const auto place = text.size();
        text += holds(readiness, predicate) ? predicate.letters : ".";
        text.resize(place + predicate.letters.size(), ' ');
    }
    return text;
}

std::string letters(mio::Readiness readiness) {
    std::string text;
    for (const auto& predicate : predicates) {
        if (!holds(readiness, predicate)) continue;
        if (!text.empty()) text += ' ';
        text += predicate.letters;
    }
    return text;
}

std::vector<std::string> names(mio::Readiness readiness) {
    std::vector<std::string> list;
    for (const auto& predicate : predicates) {
        if (holds(readiness, predicate)) list.emplace_back(predicate.name);
    }
    return list;
}

} // namespace probe
