// Batches of datagrams: one call per datagram, because Winsock has no call for several.

module;

module mio.net.udp;

import mio.core.error;
import mio.core.handle;
import mio.core.types;
import mio.net.address;
import mio.net.ancillary;
import mio.net.sockaddr;
import mio.net.sockio;
import mio.std;

namespace mio::net {
namespace {

Result<std::size_t> send_one(RawHandle handle, const OutgoingDatagram& datagram) noexcept {
    // WSASendMsg sends some of them on current versions of Windows, but Wine drops them silently.
    if (has_properties(datagram)) {
        if (datagram.ttl == std::uint8_t{0}) return invalid_argument();
        return std::unexpected(Errc::unsupported);
    }
    if (datagram.peer == SocketAddress()) return net::send(handle, datagram.bytes);
    return net::send_to(handle, datagram.bytes, to_os(datagram.peer));
}

Result<std::size_t> receive_into(RawHandle handle, IncomingDatagram& datagram) noexcept {
    if (auto received = receive_with_properties(handle, datagram); !received)
        return std::unexpected(received.error());
    return datagram.size;
}

} // namespace

Result<std::size_t> UdpSocket::send_many(std::span<const OutgoingDatagram> datagrams) const noexcept {
    // Each datagram is a separate operation, so an error that ends the batch also re-arms the edge.
    return one_by_one(datagrams, [this](const auto& datagram) {
        return try_io(Interest::writable, [&] { return send_one(raw(), datagram); });
    });
}

Result<std::size_t> UdpSocket::receive_many(std::span<IncomingDatagram> datagrams) const noexcept {
    return one_by_one(datagrams, [this](auto& datagram) {
        return try_io(Interest::readable, [&] { return receive_into(raw(), datagram); });
    });
}

} // namespace mio::net
