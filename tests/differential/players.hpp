// A player runs one backend in the walk. It names registrations by slots, so that the walk need not know the backend's
// states.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "support.hpp"

namespace test {

using mio::Trigger;

inline constexpr std::size_t max_slots = 40, max_wakers = 2, max_events = 128;

/// The rows of `mio::sys::BackendTraits` that the walk depends on.
struct Differences {
    bool has_priority = false;
    bool refuses_a_second_source = false;
    bool refuses_a_broken_pipe = false;
    bool reports_lasting_errors = false;
    bool has_one_event_for_both_directions = false;
    bool masks_hang_ups = false; // poll: in a direction that is not watched
    bool emulates_edges =
        false; // a direction is watched again only after an operation would have blocked, or failed
};

class Player {
  public:
    virtual ~Player() = default;

    [[nodiscard]] virtual std::string_view name() const = 0;
    [[nodiscard]] virtual const Differences& differences() const = 0;
    [[nodiscard]] virtual mio::Result<> add(std::size_t slot, mio::RawHandle, Token, Interest, Trigger) = 0;
    [[nodiscard]] virtual mio::Result<> modify(std::size_t slot, mio::RawHandle, Token, Interest,
                                               Trigger) = 0;
    [[nodiscard]] virtual mio::Result<> renew(std::size_t slot, mio::RawHandle) = 0;
    [[nodiscard]] virtual mio::Result<> remove(std::size_t slot, mio::RawHandle) = 0;
    /// As the destruction of a source.
    virtual void forget(std::size_t slot, mio::RawHandle) = 0;
    /// Adds a second source for a handle that is watched, and removes it if that succeeds.
    [[nodiscard]] virtual mio::Result<> add_second(std::size_t slot, mio::RawHandle, Token) = 0;
    /// An operation would have blocked, or failed otherwise.
    virtual void blocked(std::size_t slot, mio::RawHandle, Interest direction) = 0;
    virtual void failed(std::size_t slot, mio::RawHandle) = 0;
    [[nodiscard]] virtual mio::Result<> make_waker(std::size_t waker, Token) = 0;
    [[nodiscard]] virtual mio::Result<> wake(std::size_t waker) = 0;
    virtual void drop_waker(std::size_t waker) = 0;
    [[nodiscard]] virtual mio::Result<> select(mio::Events&, std::chrono::nanoseconds timeout) = 0;
    /// An event buffer for `select`.
    [[nodiscard]] virtual mio::Events events(std::size_t capacity) const = 0;
    [[nodiscard]] virtual std::string describe(const mio::Event&) const = 0;
};

using MakePlayer = std::unique_ptr<Player> (*)();

/// All backends of the build, and `Poll` with handles instead of sources. Each file of a player adds to it.
inline std::vector<MakePlayer>& players() {
    static std::vector<MakePlayer> all;
    return all;
}

} // namespace test
