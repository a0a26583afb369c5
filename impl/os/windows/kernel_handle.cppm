/// @file
/// Handles other than sockets: ports, devices, pipes and events. Internal.

export module mio.os.kernel_handle;

import mio.core.types;

namespace mio::os {

/// Calls `CloseHandle`; ignores failure.
export void close_kernel_handle(void* handle) noexcept;

/// Owns a `HANDLE`, or null.
export using KernelHandle = Owned<void*, nullptr, close_kernel_handle>;

} // namespace mio::os
