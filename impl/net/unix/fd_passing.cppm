/// @file
/// Passing of descriptors with messages. Internal.

module;

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstring>

export module mio.net.fd_passing;

import mio.core.error;
import mio.core.handle;
import mio.net.local;
import mio.os;
import mio.std;

namespace mio::net {

inline constexpr std::size_t max_fds =
    253; // Linux's SCM_MAX_FD, which no header defines; other systems allow more

/// Upper bound for any message: a kernel accepts at most 2 KiB of descriptors.
inline constexpr std::size_t most_control = CMSG_SPACE(512 * sizeof(RawHandle));

/// Size of the control buffer to pass to the kernel when `fds` descriptors are requested.
std::size_t control_room(std::size_t fds) noexcept;

/// Closes received descriptors of `message` other than SCM_RIGHTS.
void close_others(::msghdr& message) noexcept;

/// Like `UnixStream::send_with_fds`. @see unix(7), SCM_RIGHTS
export Result<std::size_t> send_fds(RawHandle, std::span<const std::byte> bytes,
                                    std::span<const RawHandle> fds) noexcept;

/// Like `UnixStream::receive_with_fds`. @see unix(7), SCM_RIGHTS
export Result<ReceivedWithFds> receive_fds(RawHandle, std::span<std::byte> buffer,
                                           std::span<OwnedHandle> fds) noexcept;

} // namespace mio::net
