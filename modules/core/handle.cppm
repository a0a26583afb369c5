/// @file
/// A handle that its owner closes.

export module mio.core.handle;

import mio.std;
export import mio.core.raw_handle;

namespace mio {

/// Owning handle: closes its handle on destruction.
export class OwnedHandle {
  public:
    /// An empty object that owns no handle.
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
    /// Releases ownership and returns the handle.
    [[nodiscard]] inline RawHandle take() noexcept { return std::exchange(handle_, invalid_handle); }

  private:
    RawHandle handle_ = invalid_handle;
};

} // namespace mio
