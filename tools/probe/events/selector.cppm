/// @file
/// The selector of any backend, in one form for all of them.

module;

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

export module probe.events.selector;

import mio;

namespace probe {

/// Wakes the selector that made it, which outlives it.
export class Waker {
  public:
    Waker() = default;
    Waker(const Waker&) = delete;
    Waker& operator=(const Waker&) = delete;
    virtual ~Waker();

    [[nodiscard]] virtual mio::Result<> wake() noexcept = 0;
};

/// A selector to observe. What its members do is written at the concept `mio::sys::SelectorBackend`.
export class Selector {
  public:
    Selector() = default;
    Selector(const Selector&) = delete;
    Selector& operator=(const Selector&) = delete;
    virtual ~Selector();

    [[nodiscard]] virtual mio::Result<std::uint64_t> add(mio::RawHandle, mio::Token, mio::Interest,
                                                         mio::Trigger) noexcept = 0;
    [[nodiscard]] virtual mio::Result<> modify(mio::RawHandle, std::uint64_t state, mio::Token, mio::Interest,
                                               mio::Trigger) noexcept = 0;
    [[nodiscard]] virtual mio::Result<> remove(mio::RawHandle, std::uint64_t state) noexcept = 0;
    [[nodiscard]] virtual mio::Result<> rearm(std::uint64_t state, mio::Interest blocked) const noexcept = 0;
    virtual void forget(std::uint64_t state) const noexcept = 0;
    [[nodiscard]] virtual mio::Result<> select(mio::Events&, std::chrono::nanoseconds timeout) noexcept = 0;

    /// Room for the events of this backend.
    [[nodiscard]] virtual mio::Events make_events(std::size_t capacity) const = 0;
    /// A waker whose wakes are reported with `token`. Throws `Refused`.
    [[nodiscard]] virtual std::unique_ptr<Waker> make_waker(mio::Token token) = 0;
};

} // namespace probe
