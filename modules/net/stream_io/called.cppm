/// @file
/// The two calls that a server makes most.

module;

#include <cstddef>
#include <span>

export module mio.net.stream_io;

import mio.core.error;
import mio.core.handle;

namespace mio::net {

/// Reads from a stream socket. @see recv(2)
export Result<std::size_t> receive_bytes(RawHandle, std::span<std::byte> buffer) noexcept;

/// Writes to a stream socket, and never raises SIGPIPE. @see send(2)
export Result<std::size_t> send_bytes(RawHandle, std::span<const std::byte> bytes) noexcept;

} // namespace mio::net
