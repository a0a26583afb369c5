module;

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstring>

module mio.net.fd_passing;

import mio.core.error;
import mio.core.handle;
import mio.net.local;
import mio.net.sockio;
import mio.os;
import mio.os.open;
import mio.std;

namespace mio::net {
namespace {

template <std::size_t size> struct Control {
    alignas(::cmsghdr) std::byte bytes[size];
};

} // namespace

Result<std::size_t> send_fds(RawHandle handle, std::span<const std::byte> bytes,
                             std::span<const RawHandle> fds) noexcept {
    if (fds.size() > max_fds) return std::unexpected(os_error(std::errc::invalid_argument));
    ::iovec vector{const_cast<std::byte*>(bytes.data()), bytes.size()}; // not modified
    ::msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    Control<CMSG_SPACE(max_fds * sizeof(RawHandle))> control{};
    if (!fds.empty()) {
        message.msg_control = control.bytes;
        message.msg_controllen = static_cast<decltype(message.msg_controllen)>(CMSG_SPACE(fds.size_bytes()));
        auto* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = static_cast<decltype(header->cmsg_len)>(CMSG_LEN(fds.size_bytes()));
        std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
    }
    return os::check_count(::sendmsg(handle, &message, no_signal));
}

Result<ReceivedWithFds> receive_fds(RawHandle handle, std::span<std::byte> buffer,
                                    std::span<OwnedHandle> fds) noexcept {
    ::iovec vector{buffer.data(), buffer.size()};
    ::msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    Control<most_control> control; // not initialized: only the part that the kernel fills in is read
    if (const auto room = control_room(fds.size()); room != 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = static_cast<decltype(message.msg_controllen)>(room);
    }
    const auto count = os::receive_message(handle, message);
    if (!count) return std::unexpected(count.error());

    ReceivedWithFds received;
    received.bytes = *count;
    received.bytes_truncated = (message.msg_flags & MSG_TRUNC) != 0;
    received.fds_truncated = (message.msg_flags & MSG_CTRUNC) != 0;
    os::for_each_passed(message, [&](RawHandle fd) {
        OwnedHandle owned(fd); // closes the descriptor unless it is requested
        if (received.fds < fds.size()) {
            fds[received.fds++] = std::move(owned);
        } else {
            received.fds_truncated = true;
        }
    });
    close_others(message);
    return received;
}

} // namespace mio::net
