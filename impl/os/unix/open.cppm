/// @file
/// Creation of descriptors: all are close-on-exec, and all except passed ones are non-blocking. `open/` has a
/// variant for systems whose calls accept flags for that, and one for systems that need further calls. Internal.

module;

#include <sys/socket.h>
#include <sys/types.h>

#include <cstring>

export module mio.os.open;

import mio.core.error;
import mio.core.handle;
import mio.std;

namespace mio::os {

/// @see socket(2)
export [[nodiscard]] Result<OwnedHandle> open_socket(int family, int type, int protocol = 0) noexcept;

/// Creates two connected sockets. @see socketpair(2)
export [[nodiscard]] Result<std::pair<OwnedHandle, OwnedHandle>> open_socket_pair(int family, int type,
                                                                                  int protocol = 0) noexcept;

/// @see accept(2)
export [[nodiscard]] Result<OwnedHandle> accept_socket(RawHandle listener, ::sockaddr* peer,
                                                       ::socklen_t* length) noexcept;

/// The two ends of a pipe.
export struct PipeEnds {
    OwnedHandle receiver;
    OwnedHandle sender;
};
/// @see pipe(2)
export [[nodiscard]] Result<PipeEnds> open_pipe() noexcept;

/// Like recvmsg(2); received descriptors are close-on-exec and not yet owned. @see recv(2)
export [[nodiscard]] Result<std::size_t> receive_message(RawHandle handle, ::msghdr& message) noexcept;

/// Calls `visit` with each descriptor received with `message`.
export template <class Visitor> void for_each_passed(::msghdr& message, Visitor&& visit) noexcept {
    const auto* limit = static_cast<const unsigned char*>(message.msg_control) + message.msg_controllen;
    for (auto* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        const auto* data = static_cast<const unsigned char*>(CMSG_DATA(header));
        // If the buffer was too small, some systems report the length that would have been needed.
        const auto* end = std::min(reinterpret_cast<const unsigned char*>(header) + header->cmsg_len, limit);
        for (; data + sizeof(RawHandle) <= end; data += sizeof(RawHandle)) {
            RawHandle handle = invalid_handle;
            std::memcpy(&handle, data, sizeof handle);
            visit(handle);
        }
    }
}

} // namespace mio::os
