/// @file
/// Handles other than sockets: ports, devices, pipes and events. Internal.

module;

#include <utility>

export module mio.os.kernel_handle;

namespace mio::os {

/// Calls `CloseHandle`; ignores failure.
export void close_kernel_handle(void* handle) noexcept;

/// Owns a `HANDLE` and closes it with `CloseHandle`; the counterpart of `OwnedHandle`. Null: owns nothing.
export class KernelHandle {
  public:
    KernelHandle() noexcept = default;
    inline explicit KernelHandle(void* handle) noexcept : handle_(handle) {}
    inline KernelHandle(KernelHandle&& other) noexcept : handle_(other.take()) {}
    inline KernelHandle& operator=(KernelHandle&& other) noexcept {
        KernelHandle taken(std::move(other));
        std::swap(handle_, taken.handle_);
        return *this;
    }
    inline ~KernelHandle() {
        if (handle_ != nullptr) close_kernel_handle(handle_);
    }

    [[nodiscard]] inline void* get() const noexcept { return handle_; }
    [[nodiscard]] inline explicit operator bool() const noexcept { return handle_ != nullptr; }
    /// Releases ownership.
    [[nodiscard]] inline void* take() noexcept { return std::exchange(handle_, nullptr); }

  private:
    void* handle_ = nullptr;
};

} // namespace mio::os
