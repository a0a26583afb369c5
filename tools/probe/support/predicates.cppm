/// @file
/// The predicates of an event in words and in the letters of the golden event table.

module;

#include <string>
#include <string_view>
#include <vector>

export module probe.predicates;

import mio;

namespace probe {

/// The letters of every predicate, each in its place: the head of a column of `in_places`.
export inline constexpr std::string_view predicate_places = "R W E RC WC P";

/// What the letters stand for, on one line.
export inline constexpr std::string_view predicate_legend =
    "R readable, W writable, E error, RC read closed, WC write closed, P priority";

/// The predicates that hold, each in its place, with dots in the others: "R W . RC .  .".
export std::string in_places(mio::Readiness readiness);

/// The letters of the predicates that hold: "R W RC". Empty if none does.
export std::string letters(mio::Readiness readiness);

/// The names of the predicates that hold: "readable", "read_closed".
export std::vector<std::string> names(mio::Readiness readiness);

} // namespace probe
