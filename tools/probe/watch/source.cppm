/// @file
/// What the things that `mio-probe watch` watches have in common.
///
/// Each of them (`Connection`, `Listener`, `Datagrams`, `Fifo`, `Descriptor`) is a class with these members:
///
///     const std::string& name() const;           // how the log calls it
///     mio::Token token() const;
///     Outcome start();                           // opens and registers it; throws `Refused`
///     mio::Result<> rearm();                     // registers it anew, after a oneshot event
///     Outcome handle(const mio::Event&);         // does what an event asks for
///     Outcome resume();                          // goes on at the time that the outcome before named
///
/// and `Listener` with `take_accepted()`, which gives the connections that are to be started.
///
/// `handle` and `resume` throw `Refused` where the OS leaves nothing to go on with. That ends this source, not the others.

module;

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

export module probe.watch.source;

import mio;
import probe.watch.log;
import probe.watch.options;

namespace probe {

/// What all sources of one session use.
export struct Context {
    const mio::Registry& registry;
    const WatchOptions& options;
    Log& log;
    std::size_t last_token = 0;
    std::size_t last_accepted = 0;

    [[nodiscard]] mio::Token next_token() noexcept { return {++last_token}; }
};

/// What is to become of a source after it did something.
export struct Outcome {
    /// Nothing more will come.
    bool is_finished = false;
    /// When it has something to do, event or not.
    std::optional<std::chrono::steady_clock::time_point> resume_at;
};

/// Nothing to do before the next event.
export inline Outcome wait_for_event() { return {}; }

/// Nothing more will come.
export inline Outcome finished() { return {.is_finished = true, .resume_at = std::nullopt}; }

/// There is more to do as soon as the others had their turn.
export inline Outcome resume_soon() {
    return {.is_finished = false, .resume_at = std::chrono::steady_clock::now()};
}

/// Nothing can be done at present, and no event will tell when it can: look again in a quarter of a second, short for a
/// person and long for a processor.
export inline Outcome resume_later() {
    return {.is_finished = false,
            .resume_at = std::chrono::steady_clock::now() + std::chrono::milliseconds(250)};
}

/// How reading ended.
export enum class Drained {
    blocked, ///< nothing is left
    more,    ///< there may be more, but the other sources and Ctrl-C are to have their turn
    ended,   ///< the stream ended
    failed,
};

/// Reads what there is, a limited amount in one turn, and logs it.
export Drained drain(Context& context, std::string_view source,
                     const std::function<mio::Result<std::size_t>(std::span<std::byte>)>& read);

/// What follows for a source that ends with its stream.
export Outcome outcome_of(Drained drained);

} // namespace probe
