module;

#include <algorithm>
#include <string>
#include <string_view>
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

} // namespace

Listing::Listing(const Backend& backend) { listed().push_back(backend); }

std::vector<Backend> observable_backends() {
    std::vector<Backend> list;
    for (const auto& name : backends()) {
        const auto found = std::ranges::find(listed(), name, &Backend::name);
        if (found != listed().end()) list.push_back(*found);
    }
    return list;
}

} // namespace probe
