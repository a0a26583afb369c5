/// @file
/// Common parts of all sockets: the base classes, scatter-gather buffers, and shutdown directions; and
/// `Socket`, a socket of any family.

export module mio.net.socket;

import mio.std;
import mio.core.error;
import mio.core.handle;
import mio.core.source;
import mio.core.types;
import mio.net.address;
import mio.sys.calls;

namespace mio::net {

/// The direction of a connection to shut down. `write` is a half-close: the peer reads end of stream and can
/// still send.
export enum class Shutdown { read, write, both };

/// A buffer to write from, with the layout of the OS's scatter-gather calls. The memory is not copied and
/// must stay valid until the call returns.
/// @see writev(2)
export class IoSlice {
  public:
    constexpr IoSlice() noexcept = default;
    // The OS's structure has no const; write calls do not modify the buffer.
    inline IoSlice(std::span<const std::byte> bytes) noexcept
        : buffer_(const_cast<std::byte*>(bytes.data()), bytes.size()) {}

    [[nodiscard]] inline std::span<const std::byte> bytes() const noexcept {
        return {static_cast<const std::byte*>(buffer_.data), buffer_.size};
    }

  private:
    RawBuffer buffer_;
};

/// A buffer to read into; see `IoSlice`.
/// @see readv(2)
export class IoSliceMut {
  public:
    constexpr IoSliceMut() noexcept = default;
    inline IoSliceMut(std::span<std::byte> bytes) noexcept : buffer_(bytes.data(), bytes.size()) {}

    [[nodiscard]] inline std::span<std::byte> bytes() const noexcept {
        return {static_cast<std::byte*>(buffer_.data), buffer_.size};
    }

  private:
    RawBuffer buffer_;
};

static_assert(sizeof(IoSlice) == sizeof(RawBuffer) && sizeof(IoSliceMut) == sizeof(RawBuffer));

/// A type that `SocketBase::option` and `set_option` transfer as it is in memory: an integer, an enumeration, or an
/// aggregate, such as the OS's `timeval` or a `std::array`. `bool` is transferred as an `int`.
///
/// Pointers, views, durations and other classes are rejected: their memory is not the value of an option. To set an
/// option from a range of other elements than `std::byte`, use `std::as_bytes`.
export template <class T>
concept SocketOption =
    std::integral<T> || std::is_enum_v<T>
    || ((std::is_class_v<T> || std::is_union_v<T>) && std::is_aggregate_v<T>
        && std::is_trivially_copyable_v<T> && !std::convertible_to<const T&, std::span<const std::byte>>
        && !std::convertible_to<const T&, std::string_view>);

/// The base class of every socket type: a source that owns its handle.
///
/// Sockets created by this library are non-blocking and are not inherited by child processes.
///
/// **Threads.** Several threads may do I/O on one socket at once, as far as the OS allows, also while it is
/// modified and polled. `Registry::add` and `remove`, moving, `release` and destruction must not overlap with
/// any other use of the socket: on some backends they free registration state that I/O uses.
///
/// **Options.** An option with a name that the OS does not have fails with `Errc::unsupported`; on an older
/// kernel that lacks it, with `std::errc::no_protocol_option`. After an error the option is unchanged.
/// `docs/options.md` lists the options of each system.
export class SocketBase : public IoSource {
  public:
    /// Returns and clears the pending error of the socket, if any: the reason for a failed connection
    /// attempt, or an error reported by an ICMP message. Errors: the OS's own, if the handle is not a socket.
    /// @see socket(7), SO_ERROR
    [[nodiscard]] Result<std::error_code> take_error() const noexcept;

    /// SO_RCVBUF and SO_SNDBUF: the requested buffer size in bytes, clamped to the OS's limits. Linux doubles
    /// the value and reports the doubled value.
    /// @see socket(7)
    [[nodiscard]] Result<> set_receive_buffer(std::size_t bytes) const noexcept;
    [[nodiscard]] Result<std::size_t> receive_buffer() const noexcept;
    [[nodiscard]] Result<> set_send_buffer(std::size_t bytes) const noexcept;
    [[nodiscard]] Result<std::size_t> send_buffer() const noexcept;

    /// Gets the option `name` of protocol `level`, numbers from the OS's headers, for options without a
    /// member function. `T` is the type that the OS's manual names, usually `int`. A system that stores a
    /// number in one byte is supported. Errors: `std::errc::invalid_argument` if the option has another
    /// size than `T`, unless it is longer and the OS truncates it; the OS's own.
    /// @see getsockopt(2)
    template <SocketOption T = int> [[nodiscard]] Result<T> option(int level, int name) const noexcept {
        if constexpr (std::same_as<T, bool>) {
            const auto number = option<int>(level, name);
            if (!number) return std::unexpected(number.error());
            return *number != 0;
        } else {
            T value{};
            const auto size =
                option(level, name, std::span<std::byte>(reinterpret_cast<std::byte*>(&value), sizeof value));
            if (!size) return std::unexpected(size.error());
            if (*size == sizeof value) return value;
            if constexpr (std::integral<T>) {
                if (*size == 1) return static_cast<T>(*reinterpret_cast<const unsigned char*>(&value));
            }
            return std::unexpected(os_error(std::errc::invalid_argument));
        }
    }
    /// Gets an option of variable length, such as a name, or a structure that newer kernels extend. Fills
    /// `value` from its beginning and returns the number of bytes. Errors: the OS's own, also if `value` is
    /// too short and the OS does not truncate this option.
    /// @see getsockopt(2)
    [[nodiscard]] Result<std::size_t> option(int level, int name, std::span<std::byte> value) const noexcept;

    /// Sets the option `name` of protocol `level`. Errors: the OS's own, usually `no_protocol_option` if it
    /// does not have the option, and `invalid_argument` if `T` is shorter than the option. Linux accepts a longer
    /// `T` and uses its beginning.
    /// @see setsockopt(2)
    template <SocketOption T>
    [[nodiscard]] Result<> set_option(int level, int name, const T& value) const noexcept {
        if constexpr (std::same_as<T, bool>) {
            return set_option(level, name, value ? 1 : 0);
        } else {
            return set_option(
                level, name,
                std::span<const std::byte>(reinterpret_cast<const std::byte*>(&value), sizeof value));
        }
    }
    /// Sets an option of variable length.
    /// @see setsockopt(2)
    [[nodiscard]] Result<> set_option(int level, int name, std::span<const std::byte> value) const noexcept;
    /// Sets an option that is a name, such as TCP_CONGESTION. No NUL is appended.
    [[nodiscard]] Result<> set_option(int level, int name, std::string_view value) const noexcept;

  protected:
    inline explicit SocketBase(RawHandle handle) noexcept : IoSource(handle) {}

    // Inline, so that a read or a write costs little more than its system call.
    [[nodiscard]] inline Result<std::size_t> receive_some(std::span<std::byte> buffer) const noexcept {
        const auto moved = sys::receive(raw(), buffer.data(), buffer.size());
        if (moved < 0) [[unlikely]]
            return std::unexpected(failed(Interest::readable, moved));
        return static_cast<std::size_t>(moved);
    }
    [[nodiscard]] inline Result<std::size_t> send_some(std::span<const std::byte> bytes) const noexcept {
        const auto moved = sys::send(raw(), bytes.data(), bytes.size());
        if (static_cast<std::size_t>(moved) != bytes.size()) [[unlikely]] {
            if (const auto error = sent_less(moved)) return std::unexpected(error);
        }
        return static_cast<std::size_t>(moved);
    }

    // Makes the backend report readiness again after the socket began to listen or to connect: the events of
    // an unconnected socket do not apply to what it becomes.
    void report_again() const noexcept;
    // The state of a connection attempt; see `TcpStream::finish_connect`.
    [[nodiscard]] Result<bool> connection_state() const noexcept;

  private:
    // Reports a failed operation to `try_io`, as every operation does, and returns its error.
    [[nodiscard]] std::error_code failed(Interest direction, sys::Count code) const noexcept;
    // Handles a failed or short send. Returns the error of a failed one; after a short one, another would
    // block.
    [[nodiscard]] std::error_code sent_less(sys::Count moved) const noexcept;
};

/// The base class of IP sockets: options of the Internet Protocol. They apply to IPv4 and IPv6 sockets.
export class IpSocketBase : public SocketBase {
  public:
    /// Time to live (hop limit) of outgoing packets, 1 to 255. Accepted streams inherit it from the listener.
    /// Errors: `invalid_argument` for other values.
    /// @see ip(7), IP_TTL; ipv6(7), IPV6_UNICAST_HOPS
    [[nodiscard]] Result<> set_ttl(std::uint32_t hops) const noexcept;
    [[nodiscard]] Result<std::uint32_t> ttl() const noexcept;

    /// Type of service (traffic class) of outgoing packets, 0 to 255: the DSCP in the upper six bits, ECN in
    /// the lower two. On a TCP socket the kernel owns the ECN bits: Linux does not change them. Errors:
    /// `invalid_argument` above 255; `Errc::unsupported` on Windows, which ignores the option.
    /// @see ip(7), IP_TOS; ipv6(7), IPV6_TCLASS
    [[nodiscard]] Result<> set_tos(std::uint32_t tos) const noexcept;
    [[nodiscard]] Result<std::uint32_t> tos() const noexcept;
    /// The DSCP part of `tos`, 0 to 63. Setting it keeps the ECN bits. Errors: `invalid_argument` above 63;
    /// otherwise as `set_tos`.
    [[nodiscard]] Result<> set_dscp(std::uint32_t dscp) const noexcept;
    [[nodiscard]] Result<std::uint32_t> dscp() const noexcept;

    /// Sends and receives through the network interface with this name only; an empty name ends the
    /// restriction. Linux (SO_BINDTODEVICE) and Apple systems (IP_BOUND_IF, IPV6_BOUND_IF);
    /// `Errc::unsupported` elsewhere. Other errors: `no_such_device` if there is no such interface;
    /// `Errc::interior_nul`; `operation_not_permitted` on Linux, to change or end a restriction without
    /// CAP_NET_RAW.
    /// @see socket(7), SO_BINDTODEVICE
    [[nodiscard]] Result<> bind_device(std::string_view name) const noexcept;
    /// The name of that interface; empty if there is no restriction.
    [[nodiscard]] Result<std::string> device() const;

    /// Allows binding to addresses that this machine does not have, and, with the firewall's rules, serving
    /// connections to them: transparent proxying. Linux (IP_TRANSPARENT), FreeBSD and NetBSD (IP_BINDANY),
    /// OpenBSD (SO_BINDANY); `Errc::unsupported` elsewhere. It needs a privilege, on Linux CAP_NET_ADMIN or
    /// CAP_NET_RAW; errors: `operation_not_permitted` without it.
    /// @see ip(7), IP_TRANSPARENT
    [[nodiscard]] Result<> set_transparent(bool on) const noexcept;
    [[nodiscard]] Result<bool> transparent() const noexcept;

    /// SO_INCOMING_CPU: prefers this socket, among those that share a port (`set_reuse_port`), for packets
    /// that the given processor handles. Linux; `Errc::unsupported` elsewhere. Errors: `invalid_argument` for
    /// a number that does not fit an `int`.
    /// @see socket(7)
    [[nodiscard]] Result<> set_incoming_cpu(std::uint32_t processor) const noexcept;
    /// The processor that was set, or that handled the last packet of this socket; `nullopt` if none did yet.
    [[nodiscard]] Result<std::optional<std::uint32_t>> incoming_cpu() const noexcept;

  protected:
    inline explicit IpSocketBase(RawHandle handle) noexcept : SocketBase(handle) {}
};

/// A type that `RawAddress` copies: a structure of the OS, such as `sockaddr_in`. Pointers, ranges and the address
/// classes of this library are rejected.
export template <class T>
concept NativeAddress = (std::is_class_v<T> || std::is_union_v<T>) && std::is_aggregate_v<T>
                        && std::is_trivially_copyable_v<T> && !requires(const T& range) { range.begin(); };

/// A socket address of any family, in the OS's form: a `sockaddr_in`, `sockaddr_un`, `sockaddr_vm`, ….
export class RawAddress {
  public:
    /// The size of `sockaddr_storage`.
    static constexpr std::size_t max_size = 128;

    /// The empty address, which an unnamed socket may have.
    constexpr RawAddress() noexcept = default;
    /// An IP address.
    RawAddress(const SocketAddress& address) noexcept;
    /// Copies a structure of the OS, such as `sockaddr_vm`. For a pointer to one, use `from_bytes`.
    template <NativeAddress Native>
        requires(sizeof(Native) <= max_size)
    [[nodiscard]] static RawAddress of(const Native& native) noexcept {
        RawAddress address;
        address.size_ = sizeof native;
        std::copy_n(reinterpret_cast<const std::byte*>(&native), sizeof native, address.bytes_.begin());
        return address;
    }
    /// Copies the bytes of an address, for structures whose end is not used. Errors: `Errc::invalid_address`
    /// if there are more than `max_size`.
    [[nodiscard]] static Result<RawAddress> from_bytes(std::span<const std::byte> bytes) noexcept;

    /// The bytes of the address. Valid for the lifetime of this object. Rvalues are rejected.
    [[nodiscard]] std::span<const std::byte> bytes() const& noexcept {
        return std::span(bytes_).first(size_);
    }
    std::span<const std::byte> bytes() const&& = delete;
    /// A copy as the OS's structure. Bytes that the address does not have are zero.
    template <NativeAddress Native> [[nodiscard]] Native as() const noexcept {
        Native native{};
        std::copy_n(bytes_.begin(), std::min<std::size_t>(size_, sizeof native),
                    reinterpret_cast<std::byte*>(&native));
        return native;
    }
    /// The address family, AF_INET and so on; AF_UNSPEC (0) if the address is empty.
    [[nodiscard]] int family() const noexcept;
    [[nodiscard]] constexpr bool is_empty() const noexcept { return size_ == 0; }

    /// The IP address. Errors: `Errc::invalid_address` if it has another family.
    [[nodiscard]] Result<SocketAddress> to_ip() const noexcept;

    bool operator==(const RawAddress&) const noexcept = default;

  private:
    alignas(8) std::array<std::byte, max_size> bytes_{}; // zero after `size_`, so that comparison works
    std::uint8_t size_ = 0;
};

/// A socket of any family, type and protocol, such as AF_VSOCK, SOCK_SEQPACKET, SOCK_RAW, AF_NETLINK and
/// IPPROTO_MPTCP.
///
/// Its members are the OS's calls, with addresses in the OS's form. Readable and writable mean what they mean
/// for the family. iocp can register sockets of Microsoft's own providers only (IP, Unix, Hyper-V).
/// @see socket(2), socket(7)
export class Socket : public SocketBase {
  public:
    /// Creates a socket; `domain`, `type` and `protocol` are the OS's numbers. It is non-blocking and
    /// close-on-exec from the beginning where the OS can (not on Apple systems). Errors: the OS's own, such
    /// as `address_family_not_supported`, `protocol_not_supported` and `operation_not_permitted`.
    /// @see socket(2)
    [[nodiscard]] static Result<Socket> open(int domain, int type, int protocol = 0);
    /// Creates two connected sockets. Errors: as `open`; `Errc::unsupported` on Windows.
    /// @see socketpair(2)
    [[nodiscard]] static Result<std::pair<Socket, Socket>> pair(int domain, int type, int protocol = 0);

    /// Takes ownership of `handle` without changing it.
    [[nodiscard]] static Socket from_raw(RawHandle handle) noexcept { return Socket(handle); }

    /// Binds the socket to a local address. @see bind(2)
    [[nodiscard]] Result<> bind(const RawAddress& address) const noexcept;
    /// Accepts connections, at most `backlog` pending. A negative value counts as 0; the OS may lower or
    /// raise it. @see listen(2)
    [[nodiscard]] Result<> listen(int backlog) const noexcept;
    /// Accepts one pending connection and returns its socket, which is non-blocking and close-on-exec, and
    /// its peer. Errors: as `TcpListener::accept`.
    /// @see accept(2)
    [[nodiscard]] Result<std::pair<Socket, RawAddress>> accept() const noexcept;

    /// Starts a connection attempt without blocking, or sets the peer of a datagram socket. Call
    /// `finish_connect` next: some families connect at once, and a socket that is registered already need not
    /// be reported as writable then. Errors: the OS's own; would-block of a Unix socket means that no attempt
    /// was started.
    /// @see connect(2)
    [[nodiscard]] Result<> connect(const RawAddress& peer) const noexcept;
    /// As `TcpStream::finish_connect`.
    [[nodiscard]] Result<bool> finish_connect() const noexcept;

    /// Reads at most `buffer.size()` bytes and returns their number. A message longer than the buffer is
    /// truncated. Errors: would-block; the OS's own.
    /// @see recv(2)
    [[nodiscard]] inline Result<std::size_t> read(std::span<std::byte> buffer) const noexcept {
        return receive_some(buffer);
    }
    [[nodiscard]] Result<std::size_t> read_vectored(std::span<const IoSliceMut> buffers) const noexcept;
    /// As `read`, but leaves the data in the receive queue.
    [[nodiscard]] Result<std::size_t> peek(std::span<std::byte> buffer) const noexcept;
    /// Writes as much of `bytes` as fits, or one message, and returns the number of bytes written. Never
    /// raises SIGPIPE. Errors: would-block; the OS's own.
    /// @see send(2)
    [[nodiscard]] inline Result<std::size_t> write(std::span<const std::byte> bytes) const noexcept {
        return send_some(bytes);
    }
    [[nodiscard]] Result<std::size_t> write_vectored(std::span<const IoSlice> buffers) const noexcept;

    /// As `write`, to an address. @see sendto(2)
    [[nodiscard]] Result<std::size_t> send_to(std::span<const std::byte> bytes,
                                              const RawAddress& peer) const noexcept;
    /// As `read`, with the sender; the address is empty if it has none.
    /// @see recvfrom(2)
    [[nodiscard]] Result<std::pair<std::size_t, RawAddress>>
    receive_from(std::span<std::byte> buffer) const noexcept;
    /// As `receive_from`, but leaves the message in the receive queue.
    [[nodiscard]] Result<std::pair<std::size_t, RawAddress>>
    peek_from(std::span<std::byte> buffer) const noexcept;

    /// @see shutdown(2)
    [[nodiscard]] Result<> shutdown(Shutdown how) const noexcept;

    [[nodiscard]] Result<RawAddress> local_address() const noexcept;
    /// Errors: `std::errc::not_connected`.
    [[nodiscard]] Result<RawAddress> peer_address() const noexcept;

  private:
    inline explicit Socket(RawHandle handle) noexcept : SocketBase(handle) {}
};

} // namespace mio::net
