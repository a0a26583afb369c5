/// @file
/// Native handle type on POSIX: a file descriptor. `windows.cppm` is the Windows counterpart.

export module mio.core.raw_handle;

import mio.std;

namespace mio {

/// Native handle of a socket, pipe or other pollable file: a file descriptor.
export using RawHandle = int;

/// Invalid handle value.
export inline constexpr RawHandle invalid_handle = -1;

/// A buffer of a scatter-gather call, with the layout of `iovec`.
/// @see readv(2)
export struct RawBuffer {
    void* data = nullptr;
    std::size_t size = 0;

    constexpr RawBuffer() noexcept = default;
    constexpr RawBuffer(void* bytes, std::size_t count) noexcept : data(bytes), size(count) {}
};

/// Closes `handle`. Errors are ignored: the descriptor is released in any case.
/// @see close(2)
export void close_handle(RawHandle handle) noexcept;

} // namespace mio
