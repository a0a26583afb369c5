module;

#include "sockets.hpp"

module mio.net.tcp;

import mio.core.error;
import mio.core.handle;
import mio.core.types;
import mio.net.address;
import mio.net.sockaddr;
import mio.net.sockio;
import mio.os;
import mio.os.open;
import mio.std;

namespace mio::net {

Result<TcpSocket> TcpSocket::v4() {
    auto handle = os::open_socket(AF_INET, SOCK_STREAM);
    if (!handle) return std::unexpected(handle.error());
    return TcpSocket(handle->take());
}

Result<TcpSocket> TcpSocket::v6() {
    auto handle = os::open_socket(AF_INET6, SOCK_STREAM);
    if (!handle) return std::unexpected(handle.error());
    return TcpSocket(handle->take());
}

Result<> TcpSocket::set_reuse_address(bool on) const noexcept {
    return set_flag(raw(), SOL_SOCKET, SO_REUSEADDR, on);
}
Result<bool> TcpSocket::reuse_address() const noexcept { return get_flag(raw(), SOL_SOCKET, SO_REUSEADDR); }
Result<> TcpSocket::set_reuse_port(bool on) const noexcept { return net::set_reuse_port(raw(), on); }
Result<bool> TcpSocket::reuse_port() const noexcept { return net::reuse_port(raw()); }
Result<> TcpSocket::set_only_v6(bool on) const noexcept {
    return set_flag(raw(), IPPROTO_IPV6, IPV6_V6ONLY, on);
}
Result<bool> TcpSocket::only_v6() const noexcept { return get_flag(raw(), IPPROTO_IPV6, IPV6_V6ONLY); }

Result<> TcpSocket::bind(const SocketAddress& address) const noexcept {
    const OsAddress native = to_os(address);
    return os::check(::bind(raw(), native.get(), native.length));
}

Result<SocketAddress> TcpSocket::local_address() const noexcept { return local_address_of(raw()); }

Result<TcpListener> TcpSocket::listen(int backlog) && {
    if (auto listening = os::check(::listen(raw(), std::max(backlog, 0))); !listening)
        return std::unexpected(listening.error());
    report_again();
    return TcpListener(std::move(*this));
}

Result<TcpStream> TcpSocket::connect(const SocketAddress& peer) && {
    const OsAddress native = to_os(peer);
    constexpr auto both = Interest::readable | Interest::writable;
    if (auto started = try_io(both, [&] { return start_connect(raw(), native); }); !started)
        return std::unexpected(started.error());
    report_again();
    return TcpStream(std::move(*this));
}

} // namespace mio::net
