/// @file
/// The whole duty of a backend.

module;

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

export module mio.sys.selector;

import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.core.types;

namespace mio::sys {

/// What a backend's `Selector` must do. `Poll`, `Registry`, `Registration` and `Waker` are thin over it.
///
/// **Life.** `open` acquires the OS's part, the only step that can fail; the constructor takes it over. A
/// selector never moves: wakers and source states point at it. It is destroyed after the last of them.
///
/// **select(events, timeout)** clears `events`, waits for at least one event, for the timeout to pass (never
/// early, rounded up to what the OS can count, clamped, negative as zero) or for a signal, which is an error.
/// The capacity of `events` is respected, and what does not fit comes next time, so that every source gets
/// its turn. One thread at a time. No allocation.
///
/// Where a wait can be shorter than what a `Result` costs, there are also **wait(events)** and **wait_for(events, timeout)**,
/// which answer 0, or the OS's code (any, if there is no capacity), and leave it to the caller to clear `events` after a failure.
///
/// **add, modify, remove** may run in any thread, also during `select`, and take effect in it. `add` returns
/// what the source has to remember, never 0; the other two receive it. `owns` tells whether such a state came
/// from this selector. `add` and `modify` report a condition that holds. After `remove` returns no later
/// `select` reports the registration. An `Interest` that the backend cannot watch is `Errc::unsupported`. A
/// call that fails changes nothing.
///
/// **rearm(state, blocked)** is called when an operation would have blocked, **error_taken(state)** when one
/// failed otherwise, so that a pending error may be gone; **forget(state)** when a source goes without `remove`,
/// just before its handle is closed. Backends without source state do nothing in any of them.
///
/// **Wakes.** `Waker::open` prepares the OS's part for a token; the constructor takes it over. `wake` runs in
/// any thread, makes `select` report one readable event with the token however often it was called before,
/// makes no system call while one is pending, and synchronises with the `select` that reports it. Creating,
/// waking and destroying wakers may overlap with everything else.
template <class S>
concept Selecting =
    requires(S& s, const S& cs, Events& events, std::optional<std::chrono::nanoseconds> timeout) {
        { S::open() } noexcept -> std::same_as<Result<typename S::Parts>>;
        requires std::constructible_from<S, typename S::Parts>;
        requires !std::movable<S>;
        { s.select(events, timeout) } noexcept -> std::same_as<Result<>>;
        { cs.raw_fd() } noexcept -> std::same_as<int>;
    };

template <class S>
concept Registering = requires(S& s, const S& cs, RawHandle handle, std::uint64_t state, Token token,
                               Interest interest, Trigger trigger) {
    { s.add(handle, token, interest, trigger) } noexcept -> std::same_as<Result<std::uint64_t>>;
    { s.modify(handle, state, token, interest, trigger) } noexcept -> std::same_as<Result<>>;
    { s.remove(handle, state) } noexcept -> std::same_as<Result<>>;
    { cs.owns(state) } noexcept -> std::same_as<bool>;
    { S::rearm(state, interest) } noexcept -> std::same_as<Result<>>;
    { S::error_taken(state) } noexcept -> std::same_as<void>;
    { S::forget(state) } noexcept -> std::same_as<void>;
};

template <class S>
concept Waking = requires(S& s, typename S::Waker& waker, Token token) {
    { S::Waker::open(s, token) } noexcept -> std::same_as<Result<typename S::Waker::Parts>>;
    requires std::constructible_from<typename S::Waker, S&, Token, typename S::Waker::Parts>;
    { waker.wake() } noexcept -> std::same_as<Result<>>;
};

template <class S>
concept Describing = requires(const Event& event) {
    { S::name } -> std::convertible_to<std::string_view>;   // as in `mio::backend()`
    { S::record_size } -> std::convertible_to<std::size_t>; // bytes of one OS record
    { S::describe(event) } -> std::same_as<std::string>;    // the OS record with its flag names
};

export template <class S>
concept Waiting = requires(S& s, Events& events, std::chrono::nanoseconds timeout) {
    { s.wait(events) } noexcept -> std::same_as<int>;
    { s.wait_for(events, timeout) } noexcept -> std::same_as<int>;
};

export template <class S>
concept SelectorBackend = Selecting<S> && Registering<S> && Waking<S> && Describing<S>;

} // namespace mio::sys
