/// @file
/// What is documented of the events of a backend, and how it compares with what was seen.

module;

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

export module probe.events.contract;

import mio;
import probe.events.stage;

namespace probe {

/// How many records a step brings.
export enum class Times : std::uint8_t {
    never,         ///< none
    once,          ///< exactly one
    at_least_once, ///< one, or more of which the last counts: the kernel may tell of a change in several parts
};

/// A row of the documented table.
export struct Row {
    std::string_view scenario;
    std::string_view step;
    Times times;
    std::string_view flags;      ///< as `mio::describe` gives them
    std::string_view predicates; ///< as `letters` gives them
};

/// The documented table of the backend behind `Poll`. One file for each backend.
export std::span<const Row> contract();

/// A step that is not as documented, or documented and not seen, or seen and not documented.
export struct Difference {
    std::string step;
    std::string documented;
    std::string seen;
};

/// Compares the steps of one scenario with its rows.
export std::vector<Difference> compare(std::string_view scenario, const std::vector<Step>& steps);

} // namespace probe
