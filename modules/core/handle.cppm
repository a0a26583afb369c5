/// @file
/// Handles that are closed by their owner.

export module mio.core.handle;

import mio.std;
export import mio.core.raw_handle;

namespace mio {

/// Owns a handle, or none, and closes it on destruction. `none` is the value that is no handle.
export template <class Handle, Handle none, void (*close)(Handle) noexcept> class Owned {
  public:
    /// An empty object that owns no handle.
    Owned() noexcept = default;
    inline explicit Owned(Handle handle) noexcept : handle_(handle) {}
    inline Owned(Owned&& other) noexcept : handle_(other.take()) {}
    inline Owned& operator=(Owned&& other) noexcept {
        Owned taken(std::move(other));
        std::swap(handle_, taken.handle_);
        return *this;
    }
    inline ~Owned() {
        if (handle_ != none) close(handle_);
    }

    [[nodiscard]] inline Handle get() const noexcept { return handle_; }
    /// Whether it owns a handle.
    [[nodiscard]] inline explicit operator bool() const noexcept { return handle_ != none; }
    /// Releases ownership and returns the handle.
    [[nodiscard]] inline Handle take() noexcept { return std::exchange(handle_, none); }

  private:
    Handle handle_ = none;
};

/// Owns a descriptor, or on Windows a socket.
export using OwnedHandle = Owned<RawHandle, invalid_handle, close_handle>;

} // namespace mio
