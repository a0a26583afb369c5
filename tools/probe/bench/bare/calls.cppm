/// @file
/// Calls as they are, for the loops that are written on them.

module;

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <optional>
#include <span>

export module probe.bench.calls;

import mio;
import probe.failure;

namespace probe::bench {

/// Throws the `Refused` of a call that has just answered -1.
[[noreturn]] inline void fail(const char* call) { throw Refused{call, {errno, mio::os_category()}, {}}; }

/// For calls that answer -1 and `errno`.
export template <class T> T checked(T answer, const char* call) {
    if (answer < 0) [[unlikely]]
        fail(call);
    return answer;
}

/// As a contestant's `read` and `write`.
export inline std::optional<std::size_t> receive(mio::RawHandle socket, std::span<std::byte> buffer) {
    const auto count = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (count == -1) [[unlikely]] {
        if (errno != EAGAIN && errno != EWOULDBLOCK) fail("recv");
        return std::nullopt;
    }
    return static_cast<std::size_t>(count);
}

export inline void send(mio::RawHandle socket, std::span<const std::byte> bytes) {
    const auto count = checked(::send(socket, bytes.data(), bytes.size(), 0), "send");
    if (static_cast<std::size_t>(count) != bytes.size()) [[unlikely]]
        throw Refused{"send", {}, "not all that was to be sent was taken"};
}

/// The sockets of a contestant that makes these calls.
export struct BareCalls {
    static std::optional<std::size_t> read(const auto& stream, std::span<std::byte> buffer) {
        return receive(stream.raw(), buffer);
    }
    static void write(const auto& stream, std::span<const std::byte> bytes) { send(stream.raw(), bytes); }
};

} // namespace probe::bench
