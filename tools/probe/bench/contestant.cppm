/// @file
/// What a contestant gives, so that each workload is written once.

module;

#include <chrono>
#include <concepts>
#include <cstddef>
#include <optional>
#include <span>

export module probe.bench.contestant;

import mio;
import probe.bench.workload;

namespace probe::bench {

/// What a loop hands events to: `ready` for each, and `is_done` tells when to stop.
export struct AnyHandler {
    void ready(std::size_t token);
    [[nodiscard]] bool is_done() const;
};

/// A contestant: the types that a program is made of that uses it. All of it is resolved when it is compiled, so that
/// nothing but the contestant's own code stands between a workload and the kernel. Sockets are opened by the
/// workloads, the same for all: opening is not what is measured.
///
/// - `read` answers nothing if it would block; `write` writes all.
/// - `Loop<Handler>` watches for what is readable, as long as it is. `run` waits and hands on events until the
///   handler is done; `look` hands on what is there, without waiting; `pause` waits for a time.
/// - `Waker<Handler>` makes a loop, which has one at the most, report its token, from any thread.
///
/// A signal ends no wait of `run`, and none of them is a failure. All of them throw `Refused`.
export template <class C>
concept Contestant =
    requires(typename C::template Loop<AnyHandler>& loop, typename C::template Waker<AnyHandler>& waker,
             mio::net::UnixStream& local, mio::net::TcpStream& stream, mio::net::TcpListener& listener,
             std::span<std::byte> buffer, std::size_t token, std::chrono::nanoseconds time) {
        { C::read(local, buffer) } -> std::same_as<std::optional<std::size_t>>;
        { C::read(stream, buffer) } -> std::same_as<std::optional<std::size_t>>;
        C::write(local, buffer);
        C::write(stream, buffer);
        loop.add(local, token);
        loop.add(stream, token);
        loop.add(listener, token);
        loop.remove(local);
        loop.run();
        loop.look();
        loop.pause(time);
        waker.wake();
    };

/// Every workload on one contestant.
export struct Plays {
    Play wake;
    Play pingpong;
    Play chain;
    Play churn;
    Play echo;
    Play timeout;
};

/// On this library.
export Plays library_plays();

/// On the calls that the OS has for what the backend behind `Poll` does. Written once for each backend.
export Plays bare_plays();

} // namespace probe::bench
