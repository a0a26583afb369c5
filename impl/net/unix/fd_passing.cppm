/// @file
/// Descriptors that travel with a message. For bodies only.

module;

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <expected>
#include <span>
#include <system_error>

export module mio.net.fd_passing;

import mio.core.error;
import mio.core.handle;
import mio.net.local;
import mio.os;

namespace mio::net {

inline constexpr std::size_t max_fds =
    253; // SCM_MAX_FD of Linux, which no header tells; the others take more

/// More than any message from elsewhere brings: a kernel takes at most 2 KiB of them.
inline constexpr std::size_t most_control = CMSG_SPACE(512 * sizeof(RawHandle));

/// How many bytes of control data to offer to the kernel when `fds` descriptors are wanted.
std::size_t control_room(std::size_t fds) noexcept;

/// Closes the descriptors that came with `message` without having been passed.
void close_others(::msghdr& message) noexcept;

/// As `UnixStream::send_with_fds`. @see unix(7), SCM_RIGHTS
export Result<std::size_t> send_fds(RawHandle, std::span<const std::byte> bytes,
                                    std::span<const RawHandle> fds) noexcept;

/// As `UnixStream::receive_with_fds`. @see unix(7), SCM_RIGHTS
export Result<ReceivedWithFds> receive_fds(RawHandle, std::span<std::byte> buffer,
                                           std::span<OwnedHandle> fds) noexcept;

} // namespace mio::net
