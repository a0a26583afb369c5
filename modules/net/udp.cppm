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
    /// The destination. On a connected socket, the default value means the connected peer.
    SocketAddress peer{};
};

/// One datagram of `UdpSocket::receive_many`: a buffer, and the properties of the received datagram.
export struct IncomingDatagram {
    std::span<std::byte> buffer;
    /// Number of bytes received into `buffer`.
    std::size_t size = 0;
    /// The sender.
    SocketAddress peer{};
    /// The datagram was longer than `buffer`; the rest is lost.
    bool truncated = false;
    /// With receive offload: the size in bytes of each datagram coalesced in `buffer`; the last one may be
    /// shorter. Otherwise 0.
    std::uint16_t segment_size = 0;
};

/// A UDP socket. Readable: at least one datagram or an error is pending. Writable: the send buffer has room.
///
/// With `Trigger::edge`, receive until it would block. On POSIX systems a datagram longer than the buffer is
/// truncated without an error. Use `receive_many`, which reports truncation, or a buffer of 65,535 bytes. On
/// a connected socket, an ICMP error such as "port unreachable" is reported by a later call.
export class UdpSocket : public IpSocketBase {
  public:
    /// Creates a socket bound to `address`. With port 0 the OS chooses a port. Errors: the OS's own.
    /// @see bind(2)
    [[nodiscard]] static Result<UdpSocket> bind(const SocketAddress& address);

    /// Creates an unbound socket, for options that must be set before binding; see `bind_to`. Sending binds
    /// it to a port that the OS chooses.
    [[nodiscard]] static Result<UdpSocket> v4();
    [[nodiscard]] static Result<UdpSocket> v6();
    [[nodiscard]] Result<> bind_to(const SocketAddress& address) const noexcept;

    /// Takes ownership of `handle` without changing it.
    [[nodiscard]] static UdpSocket from_raw(RawHandle handle) noexcept { return UdpSocket(handle); }

    /// Sets the destination of `send`, and receives datagrams from this peer only. May be called again.
    /// @see connect(2)
    [[nodiscard]] Result<> connect(const SocketAddress& peer) const noexcept;
    /// Undoes `connect`: `send` needs a peer again, and datagrams of every sender are received. Linux also
    /// gives up a local port that it chose itself, when the socket was bound to port 0 or was not bound: the
    /// next datagram is sent from another one. No effect if the socket is not connected.
    /// @see connect(2), AF_UNSPEC
    [[nodiscard]] Result<> disconnect() const noexcept;

    /// Sends one datagram, which may be empty. Errors: would-block (on BSD and Apple `no_buffer_space`
    /// instead if the queue of the network interface is full); `message_size` if `bytes` is too long for a
    /// datagram; `already_connected` on BSD and Apple if the socket is connected; the OS's own.
    /// @see sendto(2)
    [[nodiscard]] Result<std::size_t> send_to(std::span<const std::byte> bytes,
                                              const SocketAddress& peer) const noexcept;
    /// Receives one datagram. Returns its size, at most the buffer's, and its sender. Errors: would-block; an
    /// ICMP error.
    /// @see recvfrom(2)
    [[nodiscard]] Result<std::pair<std::size_t, SocketAddress>>
    receive_from(std::span<std::byte> buffer) const noexcept;
    /// As `receive_from`, but leaves the datagram in the receive queue.
    [[nodiscard]] Result<std::pair<std::size_t, SocketAddress>>
    peek_from(std::span<std::byte> buffer) const noexcept;

    /// Sends one datagram to the peer of a connected socket. Errors: as `send_to`;
    /// `destination_address_required` (`not_connected` on Windows) if the socket is not connected.
    [[nodiscard]] inline Result<std::size_t> send(std::span<const std::byte> bytes) const noexcept {
        return send_some(bytes);
    }
    /// As `receive_from`, without the sender; the socket need not be connected.
    [[nodiscard]] inline Result<std::size_t> receive(std::span<std::byte> buffer) const noexcept {
        return receive_some(buffer);
    }
    /// As `receive`, but leaves the datagram in the receive queue.
    [[nodiscard]] Result<std::size_t> peek(std::span<std::byte> buffer) const noexcept;

    /// Sends as many of `datagrams` as fit, in order, and returns their number, which is at least 1 unless
    /// `datagrams` is empty. Makes one system call per 64 datagrams where the OS supports it. Errors, only if
    /// the first datagram cannot be sent: as `send_to`. If a later datagram fails, the call returns the
    /// number sent before it, and the next call that begins with that datagram returns the error. Continue
    /// with the rest until all are sent or the call would block. An ICMP error during the call also ends it
    /// early, but is not reported again.
    /// @see sendmmsg(2)
    [[nodiscard]] Result<std::size_t> send_many(std::span<const OutgoingDatagram> datagrams) const noexcept;
    /// Receives the pending datagrams, at most `datagrams.size()`, and returns their number. A smaller number
    /// means that none is left, or that an ICMP error arrived during the call, which causes another event.
    /// Makes one system call per 64 datagrams where the OS supports it. Does not allocate. Errors:
    /// would-block if no datagram is pending; an ICMP error.
    /// @see recvmmsg(2)
    [[nodiscard]] Result<std::size_t> receive_many(std::span<IncomingDatagram> datagrams) const noexcept;

    /// SO_BROADCAST: allows sending to broadcast addresses. Off by default. @see socket(7)
    [[nodiscard]] Result<> set_broadcast(bool on) const noexcept;
    [[nodiscard]] Result<bool> broadcast() const noexcept;
    /// Whether this machine receives its own multicast datagrams. @see ip(7), IP_MULTICAST_LOOP
    [[nodiscard]] Result<> set_multicast_loop_v4(bool on) const noexcept;
    [[nodiscard]] Result<bool> multicast_loop_v4() const noexcept;
    /// As `ttl`, for multicast to IPv4 groups; 1 by default. Errors: `invalid_argument` above 255. @see
    /// ip(7), IP_MULTICAST_TTL
    [[nodiscard]] Result<> set_multicast_ttl_v4(std::uint32_t hops) const noexcept;
    [[nodiscard]] Result<std::uint32_t> multicast_ttl_v4() const noexcept;
    /// @see ipv6(7), IPV6_MULTICAST_LOOP
    [[nodiscard]] Result<> set_multicast_loop_v6(bool on) const noexcept;
    [[nodiscard]] Result<bool> multicast_loop_v6() const noexcept;
    /// The interface that multicast datagrams are sent through, given by one of its addresses;
    /// `IpAddress::any_v4()` (the default) lets the OS choose. Errors: `Errc::invalid_address` if the address
    /// is not IPv4; `address_not_available` if no interface has it.
    /// @see ip(7), IP_MULTICAST_IF
    [[nodiscard]] Result<> set_multicast_interface_v4(IpAddress interface_address) const noexcept;
    [[nodiscard]] Result<IpAddress> multicast_interface_v4() const noexcept;
    /// The same for IPv6, given by the interface's index; with 0 the OS chooses. Errors: the OS's own, on an
    /// IPv4 socket or if there is no such interface.
    /// @see ipv6(7), IPV6_MULTICAST_IF
    [[nodiscard]] Result<> set_multicast_interface_v6(std::uint32_t interface_index) const noexcept;
    [[nodiscard]] Result<std::uint32_t> multicast_interface_v6() const noexcept;

    /// Joins or leaves multicast group `group` on the interface with the given address; with
    /// `IpAddress::any_v4()` the OS chooses the interface. Errors: `Errc::invalid_address` if an address is
    /// not IPv4; the OS's own.
    /// @see ip(7), IP_ADD_MEMBERSHIP
    [[nodiscard]] Result<> join_multicast_v4(IpAddress group, IpAddress interface_address) const noexcept;
    [[nodiscard]] Result<> leave_multicast_v4(IpAddress group, IpAddress interface_address) const noexcept;
    /// The same for IPv6, on the interface with the given index; with 0 the OS chooses the interface.
    /// @see ipv6(7), IPV6_ADD_MEMBERSHIP
    [[nodiscard]] Result<> join_multicast_v6(IpAddress group, std::uint32_t interface_index) const noexcept;
    [[nodiscard]] Result<> leave_multicast_v6(IpAddress group, std::uint32_t interface_index) const noexcept;

    /// IPV6_V6ONLY. Set it before binding. Errors: the OS's own, on an IPv4 socket. On OpenBSD it is always
    /// on, and turning it off is an error.
    [[nodiscard]] Result<> set_only_v6(bool on) const noexcept;
    [[nodiscard]] Result<bool> only_v6() const noexcept;
    /// SO_REUSEADDR. Set it before binding. Several sockets can then share an address (on BSD and Apple: a
    /// multicast address), and all of them receive each multicast datagram.
    [[nodiscard]] Result<> set_reuse_address(bool on) const noexcept;
    [[nodiscard]] Result<bool> reuse_address() const noexcept;
    /// SO_REUSEPORT. Set it before binding. On Linux, FreeBSD (which uses SO_REUSEPORT_LB) and DragonFly the
    /// kernel distributes datagrams among the sockets; on other systems one socket receives all.
    [[nodiscard]] Result<> set_reuse_port(bool on) const noexcept;
    [[nodiscard]] Result<bool> reuse_port() const noexcept;

    /// Segmentation offload: the kernel or the network card splits the bytes of one `send` into datagrams of
    /// this size, in bytes. 0 (the default) turns it off. Linux only; `Errc::unsupported` elsewhere.
    /// @see udp(7), UDP_SEGMENT
    [[nodiscard]] Result<> set_segment_size(std::uint16_t bytes) const noexcept;
    [[nodiscard]] Result<std::uint16_t> segment_size() const noexcept;
    /// Receive offload: the kernel may coalesce datagrams from one sender in one buffer; see
    /// `IncomingDatagram::segment_size`. Linux only; `Errc::unsupported` elsewhere.
    /// @see udp(7), UDP_GRO
    [[nodiscard]] Result<> set_receive_offload(bool on) const noexcept;
    [[nodiscard]] Result<bool> receive_offload() const noexcept;

    [[nodiscard]] Result<SocketAddress> local_address() const noexcept;
    /// Errors: `std::errc::not_connected`.
    [[nodiscard]] Result<SocketAddress> peer_address() const noexcept;

  private:
    inline explicit UdpSocket(RawHandle handle) noexcept : IpSocketBase(handle) {}
};

} // namespace mio::net
