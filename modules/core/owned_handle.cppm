/// @file
/// A handle that somebody is responsible for.

module;

#include <utility>

export module mio.core.owned_handle;

import mio.core.handle;

namespace mio {

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
