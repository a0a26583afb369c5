module;

#include "sockets.hpp"

module mio.net.tcp;

import mio.core.error;
import mio.core.handle;
import mio.core.types;
import mio.net.address;
import mio.net.sockaddr;
import mio.net.socket;
import mio.net.sockio;
import mio.std;

namespace mio::net {

Result<TcpStream> TcpStream::connect(const SocketAddress& peer) {
    auto socket = peer.ip().is_v4() ? TcpSocket::v4() : TcpSocket::v6();
    if (!socket) return std::unexpected(socket.error());
    return std::move(*socket).connect(peer);
}

Result<bool> TcpStream::finish_connect() const noexcept { return connection_state(); }

Result<std::size_t> TcpStream::read_vectored(std::span<const IoSliceMut> buffers) const noexcept {
    return try_io(Interest::readable, [&] { return receive_vectored(raw(), buffers); });
}

Result<std::size_t> TcpStream::peek(std::span<std::byte> buffer) const noexcept {
    return try_io(Interest::readable, [&] { return receive(raw(), buffer, MSG_PEEK); });
}

Result<std::size_t> TcpStream::write_vectored(std::span<const IoSlice> buffers) const noexcept {
    const auto written = try_io(Interest::writable, [&] { return send_vectored(raw(), buffers); });
    if (written && *written < size_of(buffers)) exhausted(Interest::writable);
    return written;
}

Result<> TcpStream::shutdown(Shutdown how) const noexcept { return shut_down(raw(), how); }

Result<SocketAddress> TcpStream::peer_address() const noexcept { return peer_address_of(raw()); }
Result<SocketAddress> TcpStream::local_address() const noexcept { return local_address_of(raw()); }

} // namespace mio::net
