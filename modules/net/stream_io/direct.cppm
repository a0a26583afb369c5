/// @file
/// The two calls that a server makes most, without the C library between: Linux.

module;

#include <sys/syscall.h>

#include <cstddef>
#include <expected>
#include <span>
#include <system_error>

export module mio.net.stream_io;

import mio.core.error;
import mio.core.handle;
import mio.sys.direct_call;

namespace mio::net {

/// The answer of a call that failed, as an error. Out of line: it is rare, and would take room in each place.
std::unexpected<std::error_code> stream_error(long answer) noexcept;

/// Reads from a stream socket. @see recv(2)
export inline Result<std::size_t> receive_bytes(RawHandle handle, std::span<std::byte> buffer) noexcept {
    // As recv(2) without flags, and three registers fewer to fill.
    const long answer = sys::direct_call(SYS_read, handle, reinterpret_cast<long>(buffer.data()),
                                         static_cast<long>(buffer.size()));
    if (answer < 0) [[unlikely]]
        return stream_error(answer);
    return static_cast<std::size_t>(answer);
}

/// Writes to a stream socket, and never raises SIGPIPE. @see send(2)
export inline Result<std::size_t> send_bytes(RawHandle handle, std::span<const std::byte> bytes) noexcept {
    constexpr long no_signal = 0x4000; // MSG_NOSIGNAL
    const long answer = sys::direct_call(SYS_sendto, handle, reinterpret_cast<long>(bytes.data()),
                                         static_cast<long>(bytes.size()), no_signal, 0, 0);
    if (answer < 0) [[unlikely]]
        return stream_error(answer);
    return static_cast<std::size_t>(answer);
}

} // namespace mio::net
