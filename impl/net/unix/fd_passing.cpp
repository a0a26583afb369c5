module;

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <expected>
#include <span>
#include <system_error>
#include <utility>

module mio.net.fd_passing;

import mio.core.error;
import mio.core.handle;
import mio.core.owned_handle;
import mio.net.local;
import mio.os;

namespace mio::net {
namespace {

constexpr std::size_t max_fds = 253; // SCM_MAX_FD, which no header tells

struct Control {
    alignas(::cmsghdr) std::byte bytes[CMSG_SPACE(max_fds * sizeof(int))];
};

} // namespace

Result<std::size_t> send_fds(RawHandle handle, std::span<const std::byte> bytes,
                             std::span<const RawHandle> fds) noexcept {
    if (fds.size() > max_fds) return std::unexpected(std::make_error_code(std::errc::invalid_argument));
    ::iovec vector{const_cast<std::byte*>(bytes.data()), bytes.size()}; // only read
    ::msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    Control control{};
    if (!fds.empty()) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(fds.size_bytes());
        auto* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(fds.size_bytes());
        std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
    }
    return os::check_count(::sendmsg(handle, &message, MSG_NOSIGNAL));
}

Result<ReceivedWithFds> receive_fds(RawHandle handle, std::span<std::byte> buffer,
                                    std::span<OwnedHandle> fds) noexcept {
    ::iovec vector{buffer.data(), buffer.size()};
    ::msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    Control control{};
    if (!fds.empty()) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_LEN(std::min(fds.size(), max_fds) * sizeof(int));
    }
    const auto count = ::recvmsg(handle, &message, MSG_CMSG_CLOEXEC);
    if (count == -1) return std::unexpected(os::last_error());

    ReceivedWithFds received;
    received.bytes = static_cast<std::size_t>(count);
    received.bytes_truncated = (message.msg_flags & MSG_TRUNC) != 0;
    received.fds_truncated = (message.msg_flags & MSG_CTRUNC) != 0;
    for (auto* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        const auto* data = CMSG_DATA(header);
        const auto* end = reinterpret_cast<const unsigned char*>(header) + header->cmsg_len;
        for (; data + sizeof(int) <= end; data += sizeof(int)) {
            int fd = invalid_handle;
            std::memcpy(&fd, data, sizeof fd);
            OwnedHandle owned(fd); // closed right here if the padding of the control data let in one too many
            if (received.fds < fds.size()) {
                fds[received.fds++] = std::move(owned);
            } else {
                received.fds_truncated = true;
            }
        }
    }
    return received;
}

} // namespace mio::net
