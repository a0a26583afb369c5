/// @file
/// UDP sockets.

export module mio.net.udp;

import mio.std;
import mio.core.error;
import mio.core.handle;
import mio.core.source;
import mio.core.types;
import mio.net.address;
import mio.net.socket;

namespace mio::net {

/// One datagram of `UdpSocket::send_many`.
export struct OutgoingDatagram {
    std::span<const std::byte> bytes;
    /// Where to; on a connected socket, its default value means the peer.
    SocketAddress peer{};
};

/// One datagram of `UdpSocket::receive_many`: a buffer to fill in, and what was received into it.
export struct IncomingDatagram {
    std::span<std::byte> buffer;
    /// How many bytes of `buffer` were filled.
    std::size_t size = 0;
    /// The sender.
    SocketAddress peer{};
    /// The datagram was longer than `buffer`; the rest is lost.
    bool truncated = false;
    /// With receive offload on: the length of each of the datagrams that were joined in `buffer`, the last of which
    /// may be shorter. Otherwise 0.
    std::uint16_t segment_size = 0;
};

/// A socket for datagrams. Readable: at least one, or an error, is waiting; writable: there is room to send.
///
/// With `Trigger::edge`, receive until it would block. A datagram longer than the buffer is cut without an error on
/// Unix; use `receive_many`, which tells, or a buffer of 65,535 bytes. An ICMP error (nobody listens there) surfaces
/// on a connected socket as the error of a later call.
export class UdpSocket : public Socket {
  public:
    /// A socket bound to `address`; port 0 lets the OS choose one. Errors: the OS's own.
    /// @see bind(2)
    [[nodiscard]] static Result<UdpSocket> bind(const SocketAddress& address);

    /// A socket that is not bound yet, for options that have to be set before; see `bind_to`. Sending binds it to a
    /// port of the OS's choice.
    [[nodiscard]] static Result<UdpSocket> v4();
    [[nodiscard]] static Result<UdpSocket> v6();
    [[nodiscard]] Result<> bind_to(const SocketAddress& address) const noexcept;

    /// Takes ownership of a handle as it is.
    [[nodiscard]] static UdpSocket from_raw(RawHandle handle) noexcept { return UdpSocket(handle); }

    /// Sets the peer that `send` sends to, and from which alone datagrams are received. May be repeated.
    /// @see connect(2)
    [[nodiscard]] Result<> connect(const SocketAddress& peer) const noexcept;

    /// Sends one datagram, which may be empty. Errors: would-block (BSD and Apple have `no_buffer_space` instead when
    /// the network card's queue is full); `message_size` if it is too long for one;
    /// `already_connected` on BSD and Apple if the socket is connected; the OS's own.
    /// @see sendto(2)
    [[nodiscard]] Result<std::size_t> send_to(std::span<const std::byte> bytes,
                                              const SocketAddress& peer) const noexcept;
    /// Receives one datagram: its size, as far as it fits, and its sender. Errors: would-block; an ICMP error.
    /// @see recvfrom(2)
    [[nodiscard]] Result<std::pair<std::size_t, SocketAddress>>
    receive_from(std::span<std::byte> buffer) const noexcept;
    /// As `receive_from`, but the datagram stays to be received.
    [[nodiscard]] Result<std::pair<std::size_t, SocketAddress>>
    peek_from(std::span<std::byte> buffer) const noexcept;

    /// Sends one datagram to the peer of a connected socket. Errors as `send_to`, and
    /// `destination_address_required` (`not_connected` on Windows) when there is none.
    [[nodiscard]] inline Result<std::size_t> send(std::span<const std::byte> bytes) const noexcept {
        return send_some(bytes);
    }
    /// As `receive_from`, without the sender; the socket need not be connected.
    [[nodiscard]] inline Result<std::size_t> receive(std::span<std::byte> buffer) const noexcept {
        return receive_some(buffer);
    }
    /// As `receive`, but the datagram stays to be received.
    [[nodiscard]] Result<std::size_t> peek(std::span<std::byte> buffer) const noexcept;

    /// Sends as many of `datagrams` as there is room for, in order, and gives their number, which is at least 1
    /// unless `datagrams` is empty. One system call for each 64 where the OS has such a call. Errors, only if the
    /// first datagram could not be sent: as `send_to`. An error at a later one ends the call with the number before
    /// it, and comes again when the next call begins with that one; so go on with the rest until all are sent or it
    /// would block. An ICMP error that arrives in the middle ends the call likewise, but is not told again.
    /// @see sendmmsg(2)
    [[nodiscard]] Result<std::size_t> send_many(std::span<const OutgoingDatagram> datagrams) const noexcept;
    /// Receives as many datagrams as are waiting and fit, and gives their number: fewer than `datagrams` means that
    /// none is left, or that an ICMP error arrived in the middle, which is an event of its own. One system call for
    /// each 64 where the OS has such a call; no allocation. Errors: would-block when none is waiting; an ICMP error.
    /// @see recvmmsg(2)
    [[nodiscard]] Result<std::size_t> receive_many(std::span<IncomingDatagram> datagrams) const noexcept;

    /// SO_BROADCAST: sending to broadcast addresses is allowed. Off by default. @see socket(7)
    [[nodiscard]] Result<> set_broadcast(bool on) const noexcept;
    [[nodiscard]] Result<bool> broadcast() const noexcept;
    /// How many routers a datagram passes at the most, from 1 to 255. Errors: `invalid_argument` for others.
    /// @see ip(7), IP_TTL; ipv6(7), IPV6_UNICAST_HOPS
    [[nodiscard]] Result<> set_ttl(std::uint32_t hops) const noexcept;
    [[nodiscard]] Result<std::uint32_t> ttl() const noexcept;
    /// Whether this machine hears its own multicast. @see ip(7), IP_MULTICAST_LOOP
    [[nodiscard]] Result<> set_multicast_loop_v4(bool on) const noexcept;
    [[nodiscard]] Result<bool> multicast_loop_v4() const noexcept;
    /// As `ttl`, for multicast; 1 by default. Errors: `invalid_argument` over 255. @see ip(7), IP_MULTICAST_TTL
    [[nodiscard]] Result<> set_multicast_ttl_v4(std::uint32_t hops) const noexcept;
    [[nodiscard]] Result<std::uint32_t> multicast_ttl_v4() const noexcept;
    /// @see ipv6(7), IPV6_MULTICAST_LOOP
    [[nodiscard]] Result<> set_multicast_loop_v6(bool on) const noexcept;
    [[nodiscard]] Result<bool> multicast_loop_v6() const noexcept;

    /// Begins or ends to receive what is sent to `group`, on the interface that has that address;
    /// `IpAddress::any_v4()` lets the OS choose. Errors: `Errc::invalid_address` if one of them is not IPv4; the OS's.
    /// @see ip(7), IP_ADD_MEMBERSHIP
    [[nodiscard]] Result<> join_multicast_v4(IpAddress group, IpAddress interface_address) const noexcept;
    [[nodiscard]] Result<> leave_multicast_v4(IpAddress group, IpAddress interface_address) const noexcept;
    /// The same for IPv6, on the interface with that index; 0 lets the OS choose.
    /// @see ipv6(7), IPV6_ADD_MEMBERSHIP
    [[nodiscard]] Result<> join_multicast_v6(IpAddress group, std::uint32_t interface_index) const noexcept;
    [[nodiscard]] Result<> leave_multicast_v6(IpAddress group, std::uint32_t interface_index) const noexcept;

    /// IPV6_V6ONLY; to be set before the socket is bound. Errors: the OS's own on an IPv4 socket, and on OpenBSD,
    /// where it is always on, when turned off.
    [[nodiscard]] Result<> set_only_v6(bool on) const noexcept;
    [[nodiscard]] Result<bool> only_v6() const noexcept;
    /// SO_REUSEADDR; to be set before the socket is bound. Several sockets may then share an address (on BSD and
    /// Apple: a multicast address), of which a multicast datagram reaches all.
    [[nodiscard]] Result<> set_reuse_address(bool on) const noexcept;
    [[nodiscard]] Result<bool> reuse_address() const noexcept;
    /// SO_REUSEPORT; to be set before the socket is bound. The kernel spreads datagrams among the sockets on Linux,
    /// FreeBSD (where it is SO_REUSEPORT_LB) and DragonFly; elsewhere one of them gets all.
    [[nodiscard]] Result<> set_reuse_port(bool on) const noexcept;
    [[nodiscard]] Result<bool> reuse_port() const noexcept;

    /// How many bytes of one `send` make a datagram; 0 (the default) sends it as one. What `send` takes is then cut
    /// into datagrams by the kernel or the network card. Linux only; `Errc::unsupported` elsewhere.
    /// @see udp(7), UDP_SEGMENT
    [[nodiscard]] Result<> set_segment_size(std::uint16_t bytes) const noexcept;
    [[nodiscard]] Result<std::uint16_t> segment_size() const noexcept;
    /// Whether datagrams from one sender may be joined in one buffer; see `IncomingDatagram::segment_size`. Linux
    /// only; `Errc::unsupported` elsewhere.
    /// @see udp(7), UDP_GRO
    [[nodiscard]] Result<> set_receive_offload(bool on) const noexcept;
    [[nodiscard]] Result<bool> receive_offload() const noexcept;

    [[nodiscard]] Result<SocketAddress> local_address() const noexcept;
    /// Errors: `std::errc::not_connected`.
    [[nodiscard]] Result<SocketAddress> peer_address() const noexcept;

  private:
    inline explicit UdpSocket(RawHandle handle) noexcept : Socket(handle) {}
};

} // namespace mio::net
