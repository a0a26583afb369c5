/// @file
/// AFD, the driver below Winsock: what it can be asked. For bodies only.

module;

#include <cstdint>

export module mio.sys.iocp.afd;

import mio.core.error;
import mio.core.handle;
import mio.os.kernel_handle;

namespace mio::sys::iocp::afd {

/// A question about one socket, into which the driver writes its answer.
export struct Question {
    std::int64_t timeout = INT64_MAX; // for ever
    std::uint32_t count = 1;
    std::uint32_t is_exclusive = 0;
    RawHandle socket = invalid_handle;
    std::uint32_t events = 0;
    std::int32_t status = 0;
};

/// A new handle of the driver, whose answers arrive at `port`. Errors: the OS's own.
/// @see NtCreateFile, CreateIoCompletionPort
export Result<os::KernelHandle> open(void* port) noexcept;

/// The socket of the driver itself that is below `socket`, which a layered provider may have made. Errors:
/// `std::errc::not_a_socket` if it is something else, or not open; the OS's own.
/// @see SIO_BASE_HANDLE
export Result<RawHandle> base_of(RawHandle socket) noexcept;

/// What became of a question.
export enum class Asked { accepted, socket_is_closed };

/// Asks for the first of `question.events` to happen. Both `question` and `block`, an `IO_STATUS_BLOCK`, are the
/// kernel's until `context` arrives at the port; nothing arrives unless the question was accepted.
/// @see NtDeviceIoControlFile
export Result<Asked> ask(void* device, Question& question, void* block, void* context) noexcept;

/// Makes a question come back at once. One that has been answered already does anyway.
/// @see NtCancelIoFileEx
export Result<> cancel(void* device, void* block) noexcept;

/// NTSTATUS values that answers come with.
export inline constexpr std::int32_t status_pending = 0x103;
export inline constexpr std::int32_t status_cancelled = static_cast<std::int32_t>(0xC0000120);

} // namespace mio::sys::iocp::afd
