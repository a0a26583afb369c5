/// @file
/// What a handle is on Windows: a `SOCKET`. `unix.cppm` beside this file says the same for Unix.

export module mio.core.handle;

import mio.std;

namespace mio {

/// The operating system's name for a socket: what Winsock calls a `SOCKET`. A `HANDLE` of another kind fits too,
/// as the same word.
export using RawHandle = std::uintptr_t;

/// The handle that names nothing: `INVALID_SOCKET`, which is the same word as `INVALID_HANDLE_VALUE`.
export inline constexpr RawHandle invalid_handle = ~RawHandle{0};

/// A piece of memory as scatter-gather calls take it: the layout of `WSABUF`. Of a piece that is longer than its
/// size can tell, as much as it can.
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

/// Closes `handle`, a socket. A failure is ignored: the socket is gone in any case.
/// @see closesocket
export void close_handle(RawHandle handle) noexcept;

/// Owns a handle and closes it, unless it is taken away before.
export class OwnedHandle {
  public:
    /// Owns nothing.
    OwnedHandle() noexcept = default;
    inline explicit OwnedHandle(RawHandle handle) noexcept : handle_(handle) {}
    inline OwnedHandle(OwnedHandle&& other) noexcept : handle_(other.take()) {}
    inline OwnedHandle& operator=(OwnedHandle&& other) noexcept {
        OwnedHandle taken(std::move(other));
        std::swap(handle_, taken.handle_);
        return *this;
    }
    inline ~OwnedHandle() {
        if (handle_ != invalid_handle) close_handle(handle_);
    }

    [[nodiscard]] inline RawHandle get() const noexcept { return handle_; }
    /// Gives up ownership.
    [[nodiscard]] inline RawHandle take() noexcept { return std::exchange(handle_, invalid_handle); }

  private:
    RawHandle handle_ = invalid_handle;
};

} // namespace mio
