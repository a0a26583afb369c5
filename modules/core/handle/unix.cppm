/// @file
/// What a handle is on Unix: a file descriptor. `windows.cppm` beside this file says the same for Windows.

export module mio.core.handle;

import mio.std;

namespace mio {

/// The operating system's name for a socket, pipe or other thing to wait for: a file descriptor.
export using RawHandle = int;

/// The handle that names nothing.
export inline constexpr RawHandle invalid_handle = -1;

/// A piece of memory as scatter-gather calls take it: the layout of `iovec`.
/// @see readv(2)
export struct RawBuffer {
    void* data = nullptr;
    std::size_t size = 0;

    constexpr RawBuffer() noexcept = default;
    constexpr RawBuffer(void* bytes, std::size_t count) noexcept : data(bytes), size(count) {}
};

/// Closes `handle`. A failure is ignored: the descriptor is gone in any case.
/// @see close(2)
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
