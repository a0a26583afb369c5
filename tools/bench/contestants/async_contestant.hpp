// The interface of a contestant with coroutines.

#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace bench {

/// A program of coroutines with a loop of one thread. Coroutines cannot be shared between libraries, so that each
/// contestant has its own, written as its documentation advises.
template <class C>
concept AsyncContestant = requires(C& program, int listener, std::uint64_t count) {
    { C::name } -> std::convertible_to<std::string_view>;
    C();
    /// Accepts connections from a listening descriptor, which it closes, and spawns a coroutine for each. This reads up to
    /// `async_buffer` bytes and writes them back, until the peer closes. Returns when `count` connections have ended.
    program.serve(listener, count);
    /// Awaits a coroutine that returns a number at once, `count` times.
    program.await(count);
    /// Spawns `count` coroutines that end at once, `async_batch` at a time, and waits for their end.
    program.spawn(count);
    /// Awaits a coroutine that ends at once, with a limit of 30 s, `count` times.
    program.timeout(count);
    /// Sends `count` numbers from one coroutine to another, through a channel for `async_channel` of them.
    program.channel(count);
};

inline constexpr std::size_t async_buffer = 1024;
inline constexpr std::uint64_t async_batch = 1'000;
inline constexpr std::size_t async_channel = 64;

} // namespace bench
