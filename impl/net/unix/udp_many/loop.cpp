// One system call per datagram: Apple and DragonFly.

module;

#include <sys/socket.h>
#include <sys/uio.h>

module mio.net.udp;

import mio.core.error;
import mio.core.handle;
import mio.core.types;
import mio.net.address;
import mio.net.ancillary;
import mio.net.sockaddr;
import mio.net.sockio;
import mio.os;
import mio.std;

namespace mio::net {
namespace {

Result<std::size_t> send_with_properties(RawHandle handle, const OutgoingDatagram& datagram,
                                         int flags) noexcept {
    ::iovec vector{const_cast<std::byte*>(datagram.bytes.data()), datagram.bytes.size()}; // not modified
    OsAddress peer;
    Control control;
    ::msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    if (datagram.peer != SocketAddress()) {
        peer = to_os(datagram.peer);
        message.msg_name = peer.get();
        message.msg_namelen = peer.length;
    }
    if (auto written = ControlWriter(handle).write(datagram, message, control); !written)
        return std::unexpected(written.error());
    return os::check_count(::sendmsg(handle, &message, no_signal | flags));
}

Result<std::size_t> send_one(RawHandle handle, const OutgoingDatagram& datagram, int flags) noexcept {
    if (has_properties(datagram)) return send_with_properties(handle, datagram, flags);
    if (datagram.peer == SocketAddress()) return net::send(handle, datagram.bytes, flags);
    const OsAddress native = to_os(datagram.peer);
    return os::check_count(::sendto(handle, datagram.bytes.data(), datagram.bytes.size(), no_signal | flags,
                                    native.get(), native.length));
}

Result<std::size_t> receive_one(RawHandle handle, IncomingDatagram& datagram) noexcept {
    ::iovec vector{datagram.buffer.data(), datagram.buffer.size()};
    OsAddress sender;
    Control control;
    ::msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_name = sender.get();
    message.msg_namelen = sender.length;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    const auto size = os::check_count(::recvmsg(handle, &message, MSG_DONTWAIT));
    if (!size) return size;
    sender.length = message.msg_namelen;
    datagram.size = *size;
    datagram.peer = from_os(sender).value_or(SocketAddress());
    datagram.truncated = (message.msg_flags & MSG_TRUNC) != 0;
    read_control(message, datagram);
    return size;
}

} // namespace

Result<std::size_t> UdpSocket::send_many(std::span<const OutgoingDatagram> datagrams) const noexcept {
    return send_many_with_flags(datagrams, 0);
}

Result<std::size_t> UdpSocket::send_many_with_flags(std::span<const OutgoingDatagram> datagrams,
                                                    int flags) const noexcept {
    // Each datagram is a separate operation, so the error that ends the loop is recorded, too.
    return one_by_one(datagrams, [this, flags](const auto& datagram) {
        return try_io(Interest::writable, [&] { return send_one(raw(), datagram, flags); });
    });
}

Result<std::size_t> UdpSocket::receive_many(std::span<IncomingDatagram> datagrams) const noexcept {
    return one_by_one(datagrams, [this](auto& datagram) {
        return try_io(Interest::readable, [&] { return receive_one(raw(), datagram); });
    });
}

} // namespace mio::net
