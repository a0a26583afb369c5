// The interface of a contestant, for which each workload is written once.

#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace bench {

/// Handler of events: a loop calls `ready` for each, and stops when `done` is true.
struct AnyHandler {
    void ready(std::size_t token);
    [[nodiscard]] bool done() const;
};

/// A contestant: the types of a program that uses one library or system call. All of it is resolved at compile time, so
/// that only the contestant's own code is between a workload and the kernel.
///
/// - `LocalStream` (one of a pair), `Stream` (TCP) and `Listener` are non-blocking sockets. Destroying one also ends its
///   registration. `read` returns nothing if it would block; `write` writes all.
/// - `Loop<Handler>` watches for readability. `run` waits and dispatches events until the handler is done, in the
///   contestant's usual way; `poll_now` dispatches pending events without waiting; `pause` waits for a time without
///   events.
/// - `Waker` makes the loop of another thread report its token. Several wake-ups may coalesce. A handler with a waker has
///   a member `is_woken`, for contestants that lock only then; one that pauses has `is_timed`, for contestants whose
///   timers are precise only on request.
template <class C>
concept Contestant =
    requires(typename C::template Loop<AnyHandler>& loop, AnyHandler& handler, typename C::LocalStream& local,
             typename C::Stream& stream, typename C::Listener& listener,
             typename C::template Waker<AnyHandler>& waker, std::span<std::byte> buffer) {
        { C::name } -> std::convertible_to<std::string_view>;
        typename C::template Loop<AnyHandler>;
        { C::LocalStream::from_raw(int()) } -> std::same_as<typename C::LocalStream>;
        {
            C::LocalStream::pair()
        } -> std::same_as<std::pair<typename C::LocalStream, typename C::LocalStream>>;
        { local.read(buffer) } -> std::same_as<std::optional<std::size_t>>;
        local.write(buffer);
        { stream.read(buffer) } -> std::same_as<std::optional<std::size_t>>;
        stream.write(buffer);
        { C::Listener::bind() } -> std::same_as<typename C::Listener>;
        { listener.accept() } -> std::same_as<std::optional<typename C::Stream>>;
        { listener.port() } -> std::same_as<std::uint16_t>;
        loop.add(local, std::size_t());
        loop.remove(local);
        loop.add(stream, std::size_t());
        loop.add(listener, std::size_t());
        loop.run();
        loop.poll_now();
        loop.pause(std::chrono::nanoseconds());
        waker.wake();
    };

} // namespace bench
