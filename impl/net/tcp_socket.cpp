module;

#include "sockets.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <system_error>
#include <utility>

module mio.net.tcp;

import mio.core.error;
import mio.core.handle;
import mio.core.types;
import mio.net.address;
import mio.net.sockaddr;
import mio.net.sockio;
import mio.os;
import mio.os.open;

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
Result<> TcpSocket::set_nodelay(bool on) const noexcept {
    return set_flag(raw(), IPPROTO_TCP, TCP_NODELAY, on);
}
Result<bool> TcpSocket::nodelay() const noexcept { return get_flag(raw(), IPPROTO_TCP, TCP_NODELAY); }
Result<> TcpSocket::set_keepalive(bool on) const noexcept {
    return set_flag(raw(), SOL_SOCKET, SO_KEEPALIVE, on);
}
Result<bool> TcpSocket::keepalive() const noexcept { return get_flag(raw(), SOL_SOCKET, SO_KEEPALIVE); }

Result<> TcpSocket::set_linger(std::optional<Saturating<std::chrono::milliseconds>> limit) const noexcept {
    ::linger option{};
    if (limit) {
        const auto wanted = std::chrono::ceil<std::chrono::seconds>(*limit);
        const auto seconds = std::clamp(wanted, std::chrono::seconds::zero(), longest_linger).count();
        option.l_onoff = 1;
        option.l_linger = static_cast<decltype(option.l_linger)>(seconds);
    }
    return set_option(raw(), SOL_SOCKET, linger_option, option);
}

Result<std::optional<std::chrono::seconds>> TcpSocket::linger() const noexcept {
    const auto option = get_option<::linger>(raw(), SOL_SOCKET, linger_option);
    if (!option) return std::unexpected(option.error());
    if (option->l_onoff == 0) return std::nullopt;
    return std::chrono::seconds(option->l_linger);
}

Result<> TcpSocket::set_receive_buffer(std::size_t bytes) const noexcept {
    return set_buffer_size(raw(), SO_RCVBUF, bytes);
}
Result<std::size_t> TcpSocket::receive_buffer() const noexcept {
    return get_count(raw(), SOL_SOCKET, SO_RCVBUF);
}
Result<> TcpSocket::set_send_buffer(std::size_t bytes) const noexcept {
    return set_buffer_size(raw(), SO_SNDBUF, bytes);
}
Result<std::size_t> TcpSocket::send_buffer() const noexcept {
    return get_count(raw(), SOL_SOCKET, SO_SNDBUF);
}

Result<> TcpSocket::bind(const SocketAddress& address) const noexcept {
    const OsAddress native = to_os(address);
    return os::check(::bind(raw(), native.get(), native.length));
}

Result<SocketAddress> TcpSocket::local_address() const noexcept { return local_address_of(raw()); }

namespace {

// The events of an unconnected socket do not apply to the listener or the connection that it becomes: readiness is
// reported again, and so is a hang-up or an error.
void report_again(const TcpSocket& socket) noexcept {
    constexpr auto both = Interest::readable | Interest::writable;
    const auto failed = []() -> Result<> { return std::unexpected(os_error(std::errc::not_connected)); };
    static_cast<void>(socket.try_io(both, failed));
    socket.exhausted(both);
}

} // namespace

Result<TcpListener> TcpSocket::listen(int backlog) && {
    if (auto listening = os::check(::listen(raw(), std::max(backlog, 0))); !listening)
        return std::unexpected(listening.error());
    report_again(*this);
    return TcpListener(std::move(*this));
}

Result<TcpStream> TcpSocket::connect(const SocketAddress& peer) && {
    const OsAddress native = to_os(peer);
    constexpr auto both = Interest::readable | Interest::writable;
    if (auto started = try_io(both, [&] { return start_connect(raw(), native); }); !started)
        return std::unexpected(started.error());
    report_again(*this);
    return TcpStream(std::move(*this));
}

} // namespace mio::net
