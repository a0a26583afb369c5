module;

#include <sys/socket.h>

#include <cstring>

module mio.net.fd_passing;

import mio.core.handle;
import mio.std;

namespace mio::net {
namespace {

constexpr int passes_pidfd = 4; // SCM_PIDFD, since Linux 6.5; missing from Debian 12's C library

// Data that the kernel attaches if the program set SO_PASSCRED or SO_PASSPIDFD.
constexpr std::size_t room_for_others = CMSG_SPACE(sizeof(::ucred)) + CMSG_SPACE(sizeof(RawHandle));

} // namespace

// The kernel closes descriptors that do not fit.
std::size_t control_room(std::size_t fds) noexcept {
    return room_for_others + (fds == 0 ? 0 : CMSG_LEN(std::min(fds, max_fds) * sizeof(RawHandle)));
}

void close_others(::msghdr& message) noexcept {
    for (auto* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != passes_pidfd
            || header->cmsg_len < CMSG_LEN(sizeof(RawHandle)))
            continue;
        RawHandle handle = invalid_handle;
        std::memcpy(&handle, CMSG_DATA(header), sizeof handle);
        const OwnedHandle closed(
            std::max(handle, invalid_handle)); // an error number if the kernel could not create one
    }
}

} // namespace mio::net
