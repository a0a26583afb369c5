module;

#include "sockets.hpp"

#include <cstring>

module mio.net.udp;

import mio.core.error;
import mio.core.handle;
import mio.core.types;
import mio.net.address;
import mio.net.ancillary;
import mio.net.options;
import mio.net.sockaddr;
import mio.net.socket;
import mio.net.sockio;
import mio.os;
import mio.os.open;
import mio.std;

namespace mio::net {
namespace {

Result<std::pair<std::size_t, SocketAddress>>
receive_with_sender(RawHandle handle, std::span<std::byte> buffer, int flags) noexcept {
    OsAddress sender;
    const auto count = net::receive_from(handle, buffer, flags, sender);
    if (!count) return std::unexpected(count.error());
    const auto address = from_os(sender);
    if (!address) return std::unexpected(address.error());
    return std::pair(*count, *address);
}

Result<> change_membership_v4(RawHandle handle, int option, IpAddress group,
                              IpAddress interface_address) noexcept {
    if (!group.is_v4() || !interface_address.is_v4())
        return std::unexpected(make_error_code(Errc::invalid_address));
    ::ip_mreq request{};
    std::memcpy(&request.imr_multiaddr, group.bytes().data(), sizeof request.imr_multiaddr);
    std::memcpy(&request.imr_interface, interface_address.bytes().data(), sizeof request.imr_interface);
    return set_option(handle, IPPROTO_IP, option, request);
}

Result<> change_membership_v6(RawHandle handle, int option, IpAddress group,
                              std::uint32_t interface_index) noexcept {
    if (!group.is_v6()) return std::unexpected(make_error_code(Errc::invalid_address));
    ::ipv6_mreq request{};
    std::memcpy(&request.ipv6mr_multiaddr, group.bytes().data(), sizeof request.ipv6mr_multiaddr);
    request.ipv6mr_interface = interface_index;
    return set_option(handle, IPPROTO_IPV6, option, request);
}

} // namespace

Result<UdpSocket> UdpSocket::v4() {
    auto handle = os::open_socket(AF_INET, SOCK_DGRAM);
    if (!handle) return std::unexpected(handle.error());
    return UdpSocket(handle->take());
}

Result<UdpSocket> UdpSocket::v6() {
    auto handle = os::open_socket(AF_INET6, SOCK_DGRAM);
    if (!handle) return std::unexpected(handle.error());
    return UdpSocket(handle->take());
}

Result<UdpSocket> UdpSocket::bind(const SocketAddress& address) {
    auto socket = address.ip().is_v4() ? v4() : v6();
    if (!socket) return socket;
    if (auto bound = socket->bind_to(address); !bound) return std::unexpected(bound.error());
    return socket;
}

Result<> UdpSocket::bind_to(const SocketAddress& address) const noexcept {
    const OsAddress native = to_os(address);
    return os::check(::bind(raw(), native.get(), native.length));
}

Result<> UdpSocket::connect(const SocketAddress& peer) const noexcept {
    return try_io(Interest::writable, [&] { return connect_datagrams(raw(), to_os(peer)); });
}

Result<> UdpSocket::disconnect() const noexcept {
    return try_io(Interest::writable, [&] { return disconnect_datagrams(raw()); });
}

Result<std::size_t> UdpSocket::send_to(std::span<const std::byte> bytes,
                                       const SocketAddress& peer) const noexcept {
    return try_io(Interest::writable, [&] { return net::send_to(raw(), bytes, to_os(peer)); });
}

Result<std::pair<std::size_t, SocketAddress>>
UdpSocket::receive_from(std::span<std::byte> buffer) const noexcept {
    return try_io(Interest::readable, [&] { return receive_with_sender(raw(), buffer, 0); });
}

Result<std::pair<std::size_t, SocketAddress>>
UdpSocket::peek_from(std::span<std::byte> buffer) const noexcept {
    return try_io(Interest::readable, [&] { return receive_with_sender(raw(), buffer, MSG_PEEK); });
}

Result<std::size_t> UdpSocket::peek(std::span<std::byte> buffer) const noexcept {
    return try_io(Interest::readable, [&] { return receive_datagram(raw(), buffer, MSG_PEEK); });
}

Result<> UdpSocket::set_broadcast(bool on) const noexcept {
    return set_flag(raw(), SOL_SOCKET, SO_BROADCAST, on);
}
Result<bool> UdpSocket::broadcast() const noexcept { return get_flag(raw(), SOL_SOCKET, SO_BROADCAST); }

Result<> UdpSocket::set_multicast_loop_v4(bool on) const noexcept {
    return set_multicast_option(raw(), IP_MULTICAST_LOOP, on ? 1 : 0);
}
Result<bool> UdpSocket::multicast_loop_v4() const noexcept {
    const auto value = get_multicast_option(raw(), IP_MULTICAST_LOOP);
    if (!value) return std::unexpected(value.error());
    return *value != 0;
}
Result<> UdpSocket::set_multicast_ttl_v4(std::uint32_t hops) const noexcept {
    if (hops > 255) return std::unexpected(os_error(std::errc::invalid_argument));
    return set_multicast_option(raw(), IP_MULTICAST_TTL, static_cast<std::uint8_t>(hops));
}
Result<std::uint32_t> UdpSocket::multicast_ttl_v4() const noexcept {
    const auto value = get_multicast_option(raw(), IP_MULTICAST_TTL);
    if (!value) return std::unexpected(value.error());
    return *value;
}
Result<> UdpSocket::set_multicast_loop_v6(bool on) const noexcept {
    return set_flag(raw(), IPPROTO_IPV6, IPV6_MULTICAST_LOOP, on);
}
Result<bool> UdpSocket::multicast_loop_v6() const noexcept {
    return get_flag(raw(), IPPROTO_IPV6, IPV6_MULTICAST_LOOP);
}

Result<> UdpSocket::set_multicast_interface_v4(IpAddress interface_address) const noexcept {
    if (!interface_address.is_v4()) return std::unexpected(make_error_code(Errc::invalid_address));
    ::in_addr native{};
    std::memcpy(&native, interface_address.bytes().data(), sizeof native);
    return net::set_option(raw(), IPPROTO_IP, IP_MULTICAST_IF, native);
}
Result<IpAddress> UdpSocket::multicast_interface_v4() const noexcept {
    const auto native = get_option<::in_addr>(raw(), IPPROTO_IP, IP_MULTICAST_IF);
    if (!native) return std::unexpected(native.error());
    std::uint8_t bytes[4];
    std::memcpy(bytes, &*native, sizeof bytes);
    return IpAddress::v4(bytes[0], bytes[1], bytes[2], bytes[3]);
}
Result<> UdpSocket::set_multicast_interface_v6(std::uint32_t interface_index) const noexcept {
    return set_count(raw(), IPPROTO_IPV6, IPV6_MULTICAST_IF, interface_index);
}
Result<std::uint32_t> UdpSocket::multicast_interface_v6() const noexcept {
    return get_count(raw(), IPPROTO_IPV6, IPV6_MULTICAST_IF);
}

Result<> UdpSocket::join_multicast_v4(IpAddress group, IpAddress interface_address) const noexcept {
    return change_membership_v4(raw(), IP_ADD_MEMBERSHIP, group, interface_address);
}
Result<> UdpSocket::leave_multicast_v4(IpAddress group, IpAddress interface_address) const noexcept {
    return change_membership_v4(raw(), IP_DROP_MEMBERSHIP, group, interface_address);
}
Result<> UdpSocket::join_multicast_v6(IpAddress group, std::uint32_t interface_index) const noexcept {
    return change_membership_v6(raw(), IPV6_JOIN_GROUP, group, interface_index);
}
Result<> UdpSocket::leave_multicast_v6(IpAddress group, std::uint32_t interface_index) const noexcept {
    return change_membership_v6(raw(), IPV6_LEAVE_GROUP, group, interface_index);
}

Result<> UdpSocket::set_only_v6(bool on) const noexcept {
    return set_flag(raw(), IPPROTO_IPV6, IPV6_V6ONLY, on);
}
Result<bool> UdpSocket::only_v6() const noexcept { return get_flag(raw(), IPPROTO_IPV6, IPV6_V6ONLY); }
Result<> UdpSocket::set_reuse_address(bool on) const noexcept {
    return set_flag(raw(), SOL_SOCKET, SO_REUSEADDR, on);
}
Result<bool> UdpSocket::reuse_address() const noexcept { return get_flag(raw(), SOL_SOCKET, SO_REUSEADDR); }
Result<> UdpSocket::set_reuse_port(bool on) const noexcept { return net::set_reuse_port(raw(), on); }
Result<bool> UdpSocket::reuse_port() const noexcept { return net::reuse_port(raw()); }

Result<> UdpSocket::set_segment_size(std::uint16_t bytes) const noexcept {
    return set_count(raw(), segment_size_option, bytes);
}
Result<std::uint16_t> UdpSocket::segment_size() const noexcept {
    const auto bytes = get_count(raw(), segment_size_option);
    if (!bytes) return std::unexpected(bytes.error());
    return static_cast<std::uint16_t>(*bytes);
}
Result<> UdpSocket::set_receive_offload(bool on) const noexcept {
    return set_flag(raw(), receive_offload_option, on);
}
Result<bool> UdpSocket::receive_offload() const noexcept { return get_flag(raw(), receive_offload_option); }

Result<> UdpSocket::set_receive_info(DatagramInfo info) const noexcept {
    return net::set_receive_info(raw(), info);
}
Result<DatagramInfo> UdpSocket::receive_info() const noexcept { return net::receive_info(raw()); }
Result<DatagramInfo> UdpSocket::supported_info() const noexcept { return net::supported_info(raw()); }

Result<SocketAddress> UdpSocket::local_address() const noexcept { return local_address_of(raw()); }
Result<SocketAddress> UdpSocket::peer_address() const noexcept { return peer_address_of(raw()); }

} // namespace mio::net
