/// @file
/// Native handle type on Windows: a `SOCKET`. `unix.cppm` is the POSIX counterpart.

export module mio.core.raw_handle;

import mio.std;

namespace mio {

/// Native handle of a socket: a `SOCKET`. It is wide enough for any other `HANDLE`.
export using RawHandle = std::uintptr_t;

/// Invalid handle value: `INVALID_SOCKET`, which equals `INVALID_HANDLE_VALUE`.
export inline constexpr RawHandle invalid_handle = ~RawHandle{0};

/// A buffer of a scatter-gather call, with the layout of `WSABUF`. A larger size is clamped to the 32-bit
/// maximum.
/// @see WSASend, WSARecv
export struct RawBuffer {
    std::uint32_t size = 0;
    void* data = nullptr;

    constexpr RawBuffer() noexcept = default;
    constexpr RawBuffer(void* bytes, std::size_t count) noexcept
        : size(static_cast<std::uint32_t>(
              std::min<std::size_t>(count, std::numeric_limits<std::uint32_t>::max()))),
          data(bytes) {}
};

/// Closes `handle`, a socket. Errors are ignored: the socket is released in any case.
/// @see closesocket
export void close_handle(RawHandle handle) noexcept;

} // namespace mio
