/// @file
/// Handles other than sockets: ports, devices, pipes and events. Internal.

module;

export module mio.os.kernel_handle;

import mio.std;

namespace mio::os {

/// Calls `CloseHandle`; ignores failure.
export void close_kernel_handle(void* handle) noexcept;

// The deleter of `KernelHandle`.
struct CloseKernelHandle {
    inline void operator()(void* handle) const noexcept { close_kernel_handle(handle); }
};

/// Owns a `HANDLE`, as `OwnedHandle` owns a socket. Null: owns nothing.
export using KernelHandle = std::unique_ptr<void, CloseKernelHandle>;

} // namespace mio::os
