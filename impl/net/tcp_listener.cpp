module;

#include "sockets.hpp"

module mio.net.tcp;

import mio.core.error;
import mio.core.handle;
import mio.core.types;
import mio.net.address;
import mio.net.sockaddr;
import mio.net.sockio;
import mio.os.open;
import mio.std;

namespace mio::net {

Result<TcpListener> TcpListener::bind(const SocketAddress& address) {
    constexpr int usual_backlog = 128;
    return bind(address, usual_backlog);
}

Result<TcpListener> TcpListener::bind(const SocketAddress& address, int backlog) {
    auto socket = address.ip().is_v4() ? TcpSocket::v4() : TcpSocket::v6();
    if (!socket) return std::unexpected(socket.error());
    if (auto prepared = prepare_listener(socket->raw()); !prepared) return std::unexpected(prepared.error());
    if (auto bound = socket->bind(address); !bound) return std::unexpected(bound.error());
    return std::move(*socket).listen(backlog);
}

Result<std::pair<TcpStream, SocketAddress>> TcpListener::accept() const noexcept {
    return try_io(Interest::readable, [this]() -> Result<std::pair<TcpStream, SocketAddress>> {
        OsAddress peer;
        auto handle = os::accept_socket(raw(), peer.get(), &peer.length);
        if (!handle) return std::unexpected(handle.error());
        // BSD and Apple likewise accept a connection that is already closed.
        if (peer.length == 0) return std::unexpected(os_error(std::errc::connection_aborted));
        auto address = from_os(peer);
        if (!address) return std::unexpected(address.error());
        return std::pair(TcpStream::from_raw(handle->take()), *address);
    });
}

Result<SocketAddress> TcpListener::local_address() const noexcept { return local_address_of(raw()); }

} // namespace mio::net
