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

/// Explicit congestion notification: the lower two bits of the TOS byte.
/// @see RFC 3168
export enum class Ecn : std::uint8_t {
    not_ect = 0, ///< not ECN-capable; a congested router drops the datagram
    ect_1 = 1,   ///< ECN-capable transport, codepoint ECT(1)
    ect_0 = 2,   ///< ECN-capable transport, codepoint ECT(0)
    ce = 3,      ///< congestion experienced, set by a router
};

/// The type-of-service byte of an IPv4 datagram, or the traffic class of an IPv6 one: six bits of DSCP, two
/// of ECN.
/// @see RFC 2474, RFC 3168
export struct Tos {
    std::uint8_t value = 0;

    constexpr Tos() noexcept = default;
    constexpr explicit Tos(std::uint8_t byte) noexcept : value(byte) {}
    /// `dscp` is from 0 to 63; higher bits are ignored.
    constexpr Tos(Ecn ecn, std::uint8_t dscp = 0) noexcept
        : value(static_cast<std::uint8_t>((dscp & 0x3fu) << 2 | static_cast<unsigned>(ecn))) {}

    [[nodiscard]] constexpr Ecn ecn() const noexcept { return static_cast<Ecn>(value & 0x03u); }
    [[nodiscard]] constexpr std::uint8_t dscp() const noexcept {
        return static_cast<std::uint8_t>(value >> 2);
    }
    constexpr auto operator<=>(const Tos&) const noexcept = default;
};
static_assert(Tos(Ecn::ce, 46).value == 0xbb && Tos(0xbb).ecn() == Ecn::ce && Tos(0xbb).dscp() == 46);
static_assert(Tos(Ecn::not_ect, 0xff).value == 0xfc);

/// One datagram of `UdpSocket::send_many`.
///
/// The optional properties apply to this datagram only and override those of the socket. A property that the
/// system cannot set for one datagram is `Errc::unsupported`: nothing is sent without a property that was
/// requested.
///
/// | property          | Linux | FreeBSD, DragonFly | macOS | NetBSD | OpenBSD | Windows |
/// |-------------------|-------|--------------------|-------|--------|---------|---------|
/// | `source`          | yes   | yes                | yes   | yes    | yes     | no      |
/// | `interface_index` | yes   | IPv6               | yes   | yes    | IPv6    | no      |
/// | `ttl`             | yes   | IPv6               | IPv6  | IPv6   | IPv6    | no      |
/// | `tos`             | yes   | yes                | yes   | IPv6   | IPv6    | no      |
/// | `segment_size`    | yes   | no                 | no    | no     | no      | no      |
export struct OutgoingDatagram {
    std::span<const std::byte> bytes;
    /// The destination. On a connected socket, the default value means the connected peer.
    SocketAddress peer{};

    /// The source address: one of this machine's, such as the `local_ip` of the datagram to reply to. By
    /// default the socket's address or, if that is unspecified, the address that routing chooses. On a
    /// dual-stack socket an IPv4 address may be given as such or in its IPv4-mapped form. Errors: the OS's
    /// own for other addresses (on Linux `invalid_argument`, or `network_unreachable` if IPv4 has no route).
    /// @see ip(7), IP_PKTINFO; ipv6(7), IPV6_PKTINFO; FreeBSD's ip(4), IP_SENDSRCADDR
    std::optional<IpAddress> source{};
    /// The index of the network interface to send from; 0: chosen by routing.
    std::uint32_t interface_index = 0;
    /// Time to live (hop limit), 1 to 255. Errors: `invalid_argument` for 0.
    std::optional<std::uint8_t> ttl{};
    /// The whole TOS byte, for example `Ecn::ect_0`; the DSCP of the socket does not apply.
    std::optional<Tos> tos{};
    /// Segmentation offload as of `UdpSocket::set_segment_size`, in bytes: `bytes` is sent as several
    /// datagrams of this size; the last one may be shorter. 0: the setting of the socket.
    /// @see udp(7), UDP_SEGMENT
    std::uint16_t segment_size = 0;
};

/// One datagram of `UdpSocket::receive_many`: a buffer, and the properties of the received datagram.
export struct IncomingDatagram {
    /// A point in time of the system's clock, in nanoseconds.
    using Time = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

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

    /// Some properties below are missing, because the kernel reported more than the library has room for.
    /// This happens only if the program itself has turned on the reporting of further ones. @see recvmsg(2),
    /// MSG_CTRUNC
    bool info_truncated = false;

    // Reported if requested with `UdpSocket::set_receive_info`.

    /// Time to live (hop limit) on arrival.
    std::optional<std::uint8_t> ttl{};
    /// The TOS byte on arrival. Datagrams coalesced by receive offload all have the same one.
    std::optional<Tos> tos{};
    /// The number of datagrams that the socket has discarded since it was created because its receive buffer
    /// was full, as of this datagram's arrival. It wraps around.
    std::uint32_t dropped = 0;
    /// The index of the network interface that the datagram arrived at.
    std::optional<std::uint32_t> interface_index{};
    /// The address that the datagram was sent to. If it is a multicast or broadcast address, it cannot be the
    /// source of the reply. On a dual-stack socket an IPv4 address is in its IPv4-mapped form, as `peer` is.
    std::optional<IpAddress> local_ip{};
    /// The time at which the kernel received the datagram.
    std::optional<Time> received_at{};
};

/// Properties of received datagrams that `UdpSocket::set_receive_info` requests: a set of bits, named as the
/// members of `IncomingDatagram`.
export enum class DatagramInfo : std::uint8_t {
    none = 0x00,
    local_ip = 0x01, ///< also `interface_index`
    ttl = 0x02,
    tos = 0x04,
    received_at = 0x08,
    dropped = 0x10,
};

export constexpr DatagramInfo operator|(DatagramInfo a, DatagramInfo b) noexcept {
    return static_cast<DatagramInfo>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
export constexpr DatagramInfo operator&(DatagramInfo a, DatagramInfo b) noexcept {
    return static_cast<DatagramInfo>(static_cast<unsigned>(a) & static_cast<unsigned>(b));
}
export constexpr DatagramInfo& operator|=(DatagramInfo& a, DatagramInfo b) noexcept { return a = a | b; }

/// The origin of an entry of the error queue.
export enum class ErrorOrigin : std::uint8_t {
    local,     ///< this machine refused to send the datagram
    icmp,      ///< an ICMP message
    icmp_v6,   ///< an ICMPv6 message
    zero_copy, ///< no error: the completion of zero-copy sends
    other,     ///< a kind of entry that the program itself has turned on, such as a send timestamp
};

/// An entry of a socket's error queue; see `UdpSocket::receive_error`.
/// @see ip(7), IP_RECVERR
export struct DatagramError {
    ErrorOrigin origin = ErrorOrigin::other;
    /// The error, such as `std::errc::connection_refused`. Empty for `ErrorOrigin::zero_copy`.
    std::error_code error{};
    /// Type and code of the ICMP message.
    std::uint8_t icmp_type = 0;
    std::uint8_t icmp_code = 0;
    /// With `std::errc::message_size`: the path MTU in bytes. Otherwise 0.
    std::uint32_t mtu = 0;
    /// The destination of the datagram that caused the error.
    SocketAddress destination{};
    /// The sender of the ICMP message: a router, or the destination.
    std::optional<IpAddress> offender{};
    /// Number of bytes of the datagram's payload that were stored in the buffer. An ICMP message contains
    /// only its beginning.
    std::size_t size = 0;

    /// With `ErrorOrigin::zero_copy`: the numbers of the first and the last datagram whose memory can be
    /// reused. The datagrams of a socket that were sent with zero-copy are numbered from 0 and wrap around.
    std::uint32_t first_sent = 0;
    std::uint32_t last_sent = 0;
    /// With `ErrorOrigin::zero_copy`: the kernel copied the bytes after all, as it does for loopback.
    /// Zero-copy then only costs.
    bool was_copied = false;
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
    /// early, but is not reported again. `Errc::unsupported` for a property of `OutgoingDatagram` that the
    /// system cannot set.
    /// @see sendmmsg(2)
    [[nodiscard]] Result<std::size_t> send_many(std::span<const OutgoingDatagram> datagrams) const noexcept;
    /// Receives the pending datagrams, at most `datagrams.size()`, and returns their number. A smaller number
    /// means that none is left, or that an ICMP error arrived during the call, which causes another event.
    /// Makes one system call per 64 datagrams where the OS supports it. Does not allocate. Errors:
    /// would-block if no datagram is pending; an ICMP error.
    /// @see recvmmsg(2)
    [[nodiscard]] Result<std::size_t> receive_many(std::span<IncomingDatagram> datagrams) const noexcept;

    /// Selects the properties that `receive_many` reports for each datagram, besides its sender; those not in
    /// `info` are turned off. Off by default: each property costs some time per datagram. They are reported for
    /// datagrams that arrive after the call.
    ///
    /// On a dual-stack socket, they are requested for datagrams of both IP versions. BSD and Apple may not
    /// report all of them for IPv4 datagrams of such a socket.
    ///
    /// Errors: `Errc::unsupported`, without effect, if `info` is not part of `supported_info`; the OS's own,
    /// after which some properties may have been changed.
    /// @see ip(7), IP_PKTINFO, IP_RECVTTL, IP_RECVTOS; ipv6(7); socket(7), SO_TIMESTAMPNS, SO_RXQ_OVFL
    [[nodiscard]] Result<> set_receive_info(DatagramInfo info) const noexcept;
    [[nodiscard]] Result<DatagramInfo> receive_info() const noexcept;
    /// The properties that this system can report for the socket's IP version: all on Linux; all except
    /// `dropped` on FreeBSD, DragonFly and Apple, and also on NetBSD and OpenBSD for IPv6; there IPv4 has no
    /// `tos` either; `local_ip`, `ttl` and `tos` on Windows.
    [[nodiscard]] Result<DatagramInfo> supported_info() const noexcept;

    /// IP_RECVERR: ICMP errors, and datagrams too long for the path, are kept in the error queue with their
    /// details; see `receive_error`. Each error is also reported by a later call, as on a connected socket;
    /// with this option also if the socket is not connected. Off by default. Linux only; `Errc::unsupported`
    /// elsewhere.
    /// @see ip(7), IP_RECVERR; ipv6(7), IPV6_RECVERR
    [[nodiscard]] Result<> set_receive_errors(bool on) const noexcept;
    [[nodiscard]] Result<bool> receive_errors() const noexcept;
    /// Takes the next entry of the error queue. Stores the beginning of the payload of the datagram concerned
    /// in `buffer`.
    ///
    /// While the queue has entries, the socket is ready in every direction that it is registered for, and
    /// `Event::is_error` is true. With `Trigger::edge`, an entry causes an event when it arrives: take
    /// entries until the call would block. Until then, the poll backend does not report datagrams that arrive.
    /// With `Trigger::level`, events repeat until the queue is empty.
    /// Taking the entry of an error also discards its report by a later call.
    ///
    /// Errors: would-block if the queue is empty; `Errc::unsupported` except on Linux.
    /// @see recv(2), MSG_ERRQUEUE
    [[nodiscard]] Result<DatagramError> receive_error(std::span<std::byte> buffer = {}) const noexcept;

    /// SO_ZEROCOPY: allows `send_many_zero_copy`. Linux only; `Errc::unsupported` elsewhere.
    /// @see socket(7), SO_ZEROCOPY
    [[nodiscard]] Result<> set_zero_copy(bool on) const noexcept;
    [[nodiscard]] Result<bool> zero_copy() const noexcept;
    /// As `send_many`, but the kernel sends from the memory of the datagrams instead of copying it. The
    /// memory must not be modified until the error queue reports the completion: see
    /// `DatagramError::first_sent`. Worthwhile for large datagrams and segmentation offload only (10 KB and
    /// more). Without `set_zero_copy` the bytes are copied and no completion is reported.
    ///
    /// Errors: as `send_many`; `no_buffer_space` if too many completions are pending; `Errc::unsupported`
    /// except on Linux.
    /// @see "MSG_ZEROCOPY" in the Linux kernel's documentation of networking
    [[nodiscard]] Result<std::size_t>
    send_many_zero_copy(std::span<const OutgoingDatagram> datagrams) const noexcept;

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

    // As `send_many`; `flags` are those of the system's send calls.
    [[nodiscard]] Result<std::size_t> send_many_with_flags(std::span<const OutgoingDatagram> datagrams,
                                                           int flags) const noexcept;
};

} // namespace mio::net
