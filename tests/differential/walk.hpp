// A random walk over operations on sockets, pipes and timers that all players watch at once. After each step, each player
// is polled, and its events are compared with an oracle: the levels that poll(2) reports for the same descriptors.
//
// - A level-triggered source, and the first report of any other one, has exactly the predicates of its level.
// - An edge is owed after `add`, `modify` and `renew`, and after an operation that would have blocked: once the level
//   holds, the next poll reports it. A direction whose level does not hold is not reported.
// - An edge is not repeated while nothing happens to the source or its peer.
// - A one-shot is reported once. Nothing is reported for a registration that was removed or replaced.
// - A waker is reported once for any number of wake-ups.
//
// Between those, a backend may report an edge or not. The walk counts these reports, and compares the backends.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "players.hpp"

namespace test {

/// One step, as random words: any subsequence of a walk is a walk.
struct Step {
    std::uint32_t action, where, how, amount;
};

/// A defect in a player, to see that the walk finds it.
enum class Defect {
    none,
    loses_an_event,
    does_not_watch_again,
    repeats_an_edge,
    repeats_a_oneshot,
    modifies_quietly,
    ignores_a_wake,
    keeps_the_token,
};

/// The steps that ran, and the reported edges that were neither required nor wrong.
struct Report {
    struct Key {
        std::string kind;      // of the source
        std::string action;    // the last one on the source or its peer
        std::string predicate; // that was reported
        bool
            after_failure; // an operation on the source has failed, or would have blocked though its level held
        auto operator<=>(const Key&) const = default;
    };
    std::uint64_t steps = 0, events = 0, registrations = 0;
    std::map<Key, std::vector<std::uint64_t>> optional_edges; // for each player
};

/// The keys of optional edges that some players report, and others never, and no documented difference explains.
[[nodiscard]] std::vector<std::string> unexplained(const Report&);

struct Failure {
    std::size_t step = 0;
    std::string text;
};

/// Plays the steps in a world of its own. With `log`, appends what each step did.
[[nodiscard]] std::optional<Failure> play(const std::vector<Step>& steps, Report&, Defect = Defect::none,
                                          std::string* log = nullptr);

/// The steps of an episode: a function of the seed.
[[nodiscard]] std::vector<Step> steps_of(std::uint64_t seed, std::size_t count);

/// The fewest steps found that still fail.
[[nodiscard]] std::vector<Step> shrink(std::vector<Step> steps, Defect = Defect::none);

} // namespace test
