// Atomic, with flags: Linux, FreeBSD, NetBSD, OpenBSD and DragonFly. A child of another thread cannot inherit a
// descriptor.

module;

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

module mio.os.open;

import mio.core.error;
import mio.core.handle;
import mio.os;
import mio.std;

namespace mio::os {

Result<OwnedHandle> open_socket(int family, int type, int protocol) noexcept {
    return check_handle(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}

Result<std::pair<OwnedHandle, OwnedHandle>> open_socket_pair(int family, int type, int protocol) noexcept {
    int handles[2];
    if (::socketpair(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol, handles) == -1) {
        return std::unexpected(last_error());
    }
    return std::pair(OwnedHandle(handles[0]), OwnedHandle(handles[1]));
}

Result<OwnedHandle> accept_socket(RawHandle listener, ::sockaddr* peer, ::socklen_t* length) noexcept {
    return check_handle(::accept4(listener, peer, length, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

Result<PipeEnds> open_pipe() noexcept {
    int handles[2];
    if (::pipe2(handles, O_CLOEXEC | O_NONBLOCK) == -1) return std::unexpected(last_error());
    return PipeEnds{OwnedHandle(handles[0]), OwnedHandle(handles[1])};
}

Result<std::size_t> receive_message(RawHandle handle, ::msghdr& message) noexcept {
    return check_count(::recvmsg(handle, &message, MSG_CMSG_CLOEXEC));
}

} // namespace mio::os
