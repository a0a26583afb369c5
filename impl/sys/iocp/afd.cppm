/// @file
/// Requests to AFD, the driver below Winsock. Internal.

module;

export module mio.sys.iocp.afd;

import mio.core.error;
import mio.core.handle;
import mio.os.kernel_handle;
import mio.std;

namespace mio::sys::iocp::afd {

/// Opens a handle of the driver and associates it with `port`. Errors: the OS's own.
/// @see NtCreateFile, CreateIoCompletionPort
export Result<os::KernelHandle> open(void* port) noexcept;

/// The base provider's socket for `socket`, which a layered provider may have created. Errors:
/// `std::errc::not_a_socket` if the handle is not an open socket; the OS's own.
/// @see SIO_BASE_HANDLE
export Result<RawHandle> base_of(RawHandle socket) noexcept;

/// Result of submitting a poll.
export enum class Submitted { accepted, socket_is_closed };

/// Submits a poll that completes at the first of the events in `info`, an `AFD_POLL_INFO` of `size` bytes. The kernel
/// uses `info` and `block`, an `IO_STATUS_BLOCK`, until the completion with `context` is dequeued from the port. Only
/// an accepted poll completes.
/// @see NtDeviceIoControlFile
export Result<Submitted> submit(void* device, void* info, std::uint32_t size, void* block,
                                void* context) noexcept;

/// Cancels a poll, which then completes at once. No effect if it has already completed.
/// @see NtCancelIoFileEx
export Result<> cancel(void* device, void* block) noexcept;

/// NTSTATUS values of a poll.
export inline constexpr std::int32_t status_pending = 0x103;
export inline constexpr std::int32_t status_cancelled = static_cast<std::int32_t>(0xC0000120);

} // namespace mio::sys::iocp::afd
