module;

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module probe.events.backend;

import probe.build_info;

namespace probe {
namespace {

// In the order in which the program's files happen to be initialised.
std::vector<Backend>& listed() {
    static std::vector<Backend> list;
    return list;
}

// With the names of their backends.
std::vector<std::pair<std::string_view, std::span<const Row>>>& deviations() {
    static std::vector<std::pair<std::string_view, std::span<const Row>>> list;
    return list;
}

void replace(std::vector<Row>& contract, std::span<const Row> rows) {
    std::erase_if(contract, [&](const Row& row) {
        return std::ranges::any_of(
            rows, [&](const Row& other) { return other.scenario == row.scenario && other.step == row.step; });
    });
    contract.insert(contract.end(), rows.begin(), rows.end());
}

} // namespace

Listing::Listing(const Backend& backend) { listed().push_back(backend); }

Deviations::Deviations(std::string_view backend, std::span<const Row> rows) {
    deviations().emplace_back(backend, rows);
}

std::vector<Backend> observable_backends() {
    std::vector<Backend> list;
    for (const auto& name : backends()) {
        const auto found = std::ranges::find(listed(), name, &Backend::name);
        if (found != listed().end()) list.push_back(*found);
    }
    for (auto& backend : list) {
        for (const auto& [name, rows] : deviations()) {
            if (name == backend.name) replace(backend.contract, rows);
        }
    }
    return list;
}

} // namespace probe
