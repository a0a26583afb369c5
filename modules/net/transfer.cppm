/// @file
/// Moving bytes from one handle to another without bringing them into the program.

module;

#include <cstddef>
#include <cstdint>

export module mio.net.transfer;

import mio.core.error;
import mio.core.handle;
import mio.core.source;
import mio.net.socket;

namespace mio::net {

/// Writes at most `count` bytes of `file`, from `offset` on, to a socket, and gives their number; 0 means that the
/// file ends there. The file's own position stays. Errors: would-block; `broken_pipe` without SIGPIPE;
/// `Errc::unsupported` on NetBSD and OpenBSD, which have no such call; the OS's own.
/// @see sendfile(2)
export [[nodiscard]] Result<std::size_t> send_file(const Socket& to, RawHandle file, std::uint64_t offset,
                                                   std::size_t count) noexcept;

/// Moves at most `count` bytes between two sources, one of which is a pipe, and gives their number; 0 is the end of
/// the stream. Errors: would-block, for want of bytes or of room; `broken_pipe` without SIGPIPE;
/// `Errc::unsupported` but on Linux and Android; the OS's own.
/// @see splice(2)
export [[nodiscard]] Result<std::size_t> splice(const IoSource& from, const IoSource& to,
                                                std::size_t count) noexcept;

} // namespace mio::net
