/// @file
/// The calls that move bytes, through the operating system's library; `direct.cppm` beside this file does without it.

module;

#include <cstddef>

export module mio.sys.calls;

import mio.core.handle;

namespace mio::sys {

/// What a call that moves bytes answers: how many, or an error's code in `os_category()`, negative.
export using Moved = std::ptrdiff_t;

/// Receives from a socket, without flags. @see recv(2)
export Moved receive(RawHandle, std::byte* buffer, std::size_t size) noexcept;

/// Sends to a socket, without SIGPIPE. @see send(2)
export Moved send(RawHandle, const std::byte* bytes, std::size_t size) noexcept;

} // namespace mio::sys
