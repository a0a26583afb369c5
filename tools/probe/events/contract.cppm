/// @file
/// How what was seen compares with what is documented.

module;

#include <string>
#include <string_view>
#include <vector>

export module probe.events.contract;

import probe.events.backend;
import probe.events.stage;

namespace probe {

/// A step that is not as documented, or documented and not seen, or seen and not documented.
export struct Difference {
    std::string step;
    std::string documented;
    std::string seen;
};

/// Compares the steps of one scenario, as `backend` played it, with its rows.
export std::vector<Difference> compare(const Backend& backend, std::string_view scenario,
                                       const std::vector<Step>& steps);

} // namespace probe
