// The kinds of TCP sockets that have options, of both families. Include it last, in place of "tcp.hpp".
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "tcp.hpp"

namespace test {

using mio::net::TcpSocketBase;

/// Calls `body` with an unconnected socket, a listener, a connected stream and an accepted stream, each of IPv4 and
/// IPv6.
inline void on_each_tcp_socket(const std::function<void(const TcpSocketBase&)>& body) {
    for (const auto& at : {local_v4(), local_v6()}) {
        SCOPED_TRACE(at.to_string());
        const auto is_v4 = at.ip().is_v4();
        const auto on = [&](const char* kind, const TcpSocketBase& socket) {
            SCOPED_TRACE(kind);
            body(socket);
        };
        on("a socket", must(is_v4 ? TcpSocket::v4() : TcpSocket::v6()));
        on("a listener", must(TcpListener::bind(at)));
        const auto pair = tcp_pair(at);
        on("a connected stream", pair.client);
        on("an accepted stream", pair.server);
    }
}

/// The option in the kernel, without the library.
inline int kernel_option(const mio::net::SocketBase& socket, int level, int name) {
    return must(plain::option(socket.raw(), level, name), "getsockopt");
}

} // namespace test
