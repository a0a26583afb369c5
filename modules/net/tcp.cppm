/// @file
/// TCP streams, listeners, and sockets that are not yet connected or listening.

export module mio.net.tcp;

import mio.std;
import mio.core.error;
import mio.core.handle;
import mio.core.source;
import mio.core.types;
import mio.net.address;
import mio.net.socket;

namespace mio::net {

export class TcpSocket;

/// The base class of TCP sockets: options of connections and listeners. On a listener most of them apply to
/// the streams that it accepts; see `docs/options.md`.
///
/// A duration is rounded up to the OS's unit and clamped to its limits. One that is not positive fails with
/// `invalid_argument`.
/// @see socket(7), tcp(7)
export class TcpSocketBase : public IpSocketBase {
  public:
    /// TCP_NODELAY: sends small writes at once instead of combining them.
    [[nodiscard]] Result<> set_nodelay(bool on) const noexcept;
    [[nodiscard]] Result<bool> nodelay() const noexcept;

    /// SO_KEEPALIVE: probes an idle connection, by default after two hours.
    [[nodiscard]] Result<> set_keepalive(bool on) const noexcept;
    [[nodiscard]] Result<bool> keepalive() const noexcept;
    /// How long a connection is idle before the first probe, 1 s to 32,767 s, rounded up to whole seconds.
    /// `Errc::unsupported` on OpenBSD. @see tcp(7), TCP_KEEPIDLE
    [[nodiscard]] Result<> set_keepalive_idle(Saturating<std::chrono::milliseconds> duration) const noexcept;
    [[nodiscard]] Result<std::chrono::seconds> keepalive_idle() const noexcept;
    /// The time between two probes, 1 s to 32,767 s, rounded up to whole seconds. `Errc::unsupported` on
    /// OpenBSD. @see tcp(7), TCP_KEEPINTVL
    [[nodiscard]] Result<>
    set_keepalive_interval(Saturating<std::chrono::milliseconds> duration) const noexcept;
    [[nodiscard]] Result<std::chrono::seconds> keepalive_interval() const noexcept;
    /// How many probes without a reply end the connection. Values above 127 are clamped. Errors:
    /// `invalid_argument` for 0; `Errc::unsupported` on OpenBSD. @see tcp(7), TCP_KEEPCNT
    [[nodiscard]] Result<> set_keepalive_count(std::uint32_t probes) const noexcept;
    [[nodiscard]] Result<std::uint32_t> keepalive_count() const noexcept;

    /// SO_LINGER: how long close may wait for unsent data, rounded up to whole seconds. Zero or less resets
    /// the connection instead; `nullopt` (the default) lets the kernel send the data in the background. A
    /// longer time than the OS can represent is clamped (hours at least; minutes on Apple).
    [[nodiscard]] Result<>
    set_linger(std::optional<Saturating<std::chrono::milliseconds>> limit) const noexcept;
    [[nodiscard]] Result<std::optional<std::chrono::seconds>> linger() const noexcept;

    /// How long sent data may stay unacknowledged before the connection fails with `timed_out`; `nullopt` is
    /// the OS's default. Linux (TCP_USER_TIMEOUT), in milliseconds, which also limits keepalive; Apple
    /// systems (TCP_RXT_CONNDROPTIME) and FreeBSD (TCP_MAXUNACKTIME), rounded up to whole seconds;
    /// `Errc::unsupported` elsewhere. The limit is 2^31 - 1 ms, 24 days.
    /// @see tcp(7), TCP_USER_TIMEOUT
    [[nodiscard]] Result<>
    set_user_timeout(std::optional<Saturating<std::chrono::milliseconds>> limit) const noexcept;
    [[nodiscard]] Result<std::optional<std::chrono::milliseconds>> user_timeout() const noexcept;

    /// TCP Fast Open of a listener: accepts data with the first packet of a connection, for at most `queue`
    /// connections whose handshake is not complete; 0 turns it off. Only Linux has a queue of any length,
    /// limited by its `somaxconn`: other systems turn it on, and the value is 1. Set it on the listener:
    /// before `listen` only some systems accept it. Errors: `Errc::unsupported` on DragonFly, NetBSD and
    /// OpenBSD; `invalid_argument` on a stream.
    /// @see tcp(7), TCP_FASTOPEN
    [[nodiscard]] Result<> set_fastopen(std::uint32_t queue) const noexcept;
    [[nodiscard]] Result<std::uint32_t> fastopen() const noexcept;
    /// TCP Fast Open of a client, set before `connect`: if the kernel has a cookie of the peer, connecting
    /// sends nothing, and the first write opens the connection with its data. Until then `finish_connect` is
    /// `false`. Linux; `Errc::unsupported` elsewhere. Errors: `invalid_argument` on a connected stream.
    /// @see tcp(7), TCP_FASTOPEN_CONNECT
    [[nodiscard]] Result<> set_fastopen_connect(bool on) const noexcept;
    [[nodiscard]] Result<bool> fastopen_connect() const noexcept;

    /// Whether the next segments are acknowledged at once. It does not last: the kernel changes it as it sees
    /// fit. Linux; `Errc::unsupported` elsewhere.
    /// @see tcp(7), TCP_QUICKACK
    [[nodiscard]] Result<> set_quickack(bool on) const noexcept;
    [[nodiscard]] Result<bool> quickack() const noexcept;

  protected:
    inline explicit TcpSocketBase(RawHandle handle) noexcept : IpSocketBase(handle) {}
};

/// A TCP connection, established or in progress. Readable: data, end of stream or an error. Writable: the
/// connection attempt has completed or failed, or the send buffer has room.
///
/// With `Trigger::edge`, repeat an operation after its event until it would block. No call raises SIGPIPE:
/// writing to a closed connection fails with `std::errc::broken_pipe`.
export class TcpStream : public TcpSocketBase {
  public:
    /// Starts a connection attempt without blocking. After the first writable event, `finish_connect` returns
    /// the outcome. Errors: the OS's own; a refusal may be reported here already.
    /// @see connect(2)
    [[nodiscard]] static Result<TcpStream> connect(const SocketAddress& peer);

    /// Takes ownership of `handle` without changing it: connected or connecting, and blocking unless the
    /// caller made it non-blocking.
    [[nodiscard]] static TcpStream from_raw(RawHandle handle) noexcept { return TcpStream(handle); }

    /// The state of the connection attempt: `true` if connected, `false` if still in progress (the event was
    /// spurious), or the error with which it failed (`std::errc::connection_refused`, …).
    /// @see connect(2), getpeername(2)
    [[nodiscard]] Result<bool> finish_connect() const noexcept;

    /// Reads at most `buffer.size()` bytes and returns their number; 0 is the end of the stream (or an empty
    /// buffer). Errors: would-block (`mio::would_block`) if no data is available; the OS's own.
    /// @see recv(2)
    [[nodiscard]] inline Result<std::size_t> read(std::span<std::byte> buffer) const noexcept {
        return receive_some(buffer);
    }
    /// As `read`, into several buffers in order. Buffers beyond the OS's limit for one call are not used.
    /// @see recvmsg(2)
    [[nodiscard]] Result<std::size_t> read_vectored(std::span<const IoSliceMut> buffers) const noexcept;
    /// As `read`, but leaves the data in the receive queue.
    [[nodiscard]] Result<std::size_t> peek(std::span<std::byte> buffer) const noexcept;

    /// Writes as much of `bytes` as fits and returns the number of bytes written. Errors: would-block if
    /// there is no room; `broken_pipe` if the connection is closed; the OS's own.
    /// @see send(2)
    [[nodiscard]] inline Result<std::size_t> write(std::span<const std::byte> bytes) const noexcept {
        return send_some(bytes);
    }
    /// As `write`, from several buffers in order. Buffers beyond the OS's limit for one call are not used.
    /// @see sendmsg(2)
    [[nodiscard]] Result<std::size_t> write_vectored(std::span<const IoSlice> buffers) const noexcept;

    /// Shuts down one or both directions, for every duplicate of the handle. Data that was buffered before
    /// `read` was shut down can still be read on Linux; it is discarded on BSD and Apple systems. Errors: the
    /// OS's own, such as `not_connected`.
    /// @see shutdown(2)
    [[nodiscard]] Result<> shutdown(Shutdown how) const noexcept;

    /// Errors: `std::errc::not_connected` while connecting and after a failed attempt.
    [[nodiscard]] Result<SocketAddress> peer_address() const noexcept;
    [[nodiscard]] Result<SocketAddress> local_address() const noexcept;

  private:
    friend class TcpSocket;
    explicit TcpStream(RawHandle handle) noexcept : TcpSocketBase(handle) {}
    inline explicit TcpStream(TcpSocketBase&& socket) noexcept : TcpSocketBase(std::move(socket)) {}
};

/// A socket that accepts connections. Readable: at least one connection is pending.
export class TcpListener : public TcpSocketBase {
  public:
    /// Listens on `address`. With port 0 the OS chooses a port, which `local_address` returns. On POSIX
    /// systems the address can be reused immediately after an earlier listener is closed (SO_REUSEADDR). At
    /// most 128 connections can be pending. Errors: `address_in_use`, `permission_denied` and others of the
    /// OS.
    /// @see bind(2), listen(2)
    [[nodiscard]] static Result<TcpListener> bind(const SocketAddress& address);
    /// The same, with at most `backlog` pending connections. A negative value counts as 0; the OS may lower
    /// or raise it.
    [[nodiscard]] static Result<TcpListener> bind(const SocketAddress& address, int backlog);

    /// Takes ownership of a listening `handle` without changing it.
    [[nodiscard]] static TcpListener from_raw(RawHandle handle) noexcept { return TcpListener(handle); }

    /// Accepts one pending connection and returns the stream, which is non-blocking, and its peer. After an
    /// event, repeat until it would block.
    ///
    /// Errors: would-block if no connection is pending; `connection_aborted` if the connection was closed
    /// before it was accepted; `too_many_files_open`; others of the OS. The listener stays usable after each.
    /// After `too_many_files_open` the connection is still pending, and no new edge is reported for it.
    /// @see accept(2)
    [[nodiscard]] Result<std::pair<TcpStream, SocketAddress>> accept() const noexcept;

    [[nodiscard]] Result<SocketAddress> local_address() const noexcept;

  private:
    friend class TcpSocket;
    explicit TcpListener(RawHandle handle) noexcept : TcpSocketBase(handle) {}
    inline explicit TcpListener(TcpSocketBase&& socket) noexcept : TcpSocketBase(std::move(socket)) {}
};

/// A TCP socket before it listens or connects, for options that must be set first.
///
/// The errors of the options are the OS's own.
/// @see socket(7), tcp(7), ipv6(7)
export class TcpSocket : public TcpSocketBase {
  public:
    /// Creates an IPv4 or IPv6 socket. Errors: the OS's own, if it is out of descriptors or does not support
    /// the family.
    [[nodiscard]] static Result<TcpSocket> v4();
    [[nodiscard]] static Result<TcpSocket> v6();

    /// Takes ownership of `handle` without changing it.
    [[nodiscard]] static TcpSocket from_raw(RawHandle handle) noexcept { return TcpSocket(handle); }

    /// SO_REUSEADDR. Do not set it on Windows, where it lets another program take over the port.
    [[nodiscard]] Result<> set_reuse_address(bool on) const noexcept;
    [[nodiscard]] Result<bool> reuse_address() const noexcept;
    /// SO_REUSEPORT: lets several listeners share an address. On Linux, FreeBSD (which uses SO_REUSEPORT_LB)
    /// and DragonFly the kernel distributes connections among them; on other systems one listener receives
    /// all. Errors: `Errc::unsupported` if the OS does not have the option.
    [[nodiscard]] Result<> set_reuse_port(bool on) const noexcept;
    [[nodiscard]] Result<bool> reuse_port() const noexcept;
    /// IPV6_V6ONLY: an IPv6 socket does not accept IPv4 connections. On OpenBSD it is always on, and turning
    /// it off is an error.
    [[nodiscard]] Result<> set_only_v6(bool on) const noexcept;
    [[nodiscard]] Result<bool> only_v6() const noexcept;

    /// Binds the socket to a local address. @see bind(2)
    [[nodiscard]] Result<> bind(const SocketAddress& address) const noexcept;
    [[nodiscard]] Result<SocketAddress> local_address() const noexcept;

    /// Turns the socket into a listener with at most `backlog` pending connections. A negative value counts
    /// as 0; the OS may lower or raise it. A registered socket stays registered. An error leaves the socket
    /// unchanged. @see listen(2)
    [[nodiscard]] Result<TcpListener> listen(int backlog) &&;
    /// Turns the socket into a connecting stream; see `TcpStream::connect`. A registered socket stays
    /// registered. After an error the socket is in the state in which the OS left it.
    [[nodiscard]] Result<TcpStream> connect(const SocketAddress& peer) &&;

  private:
    explicit TcpSocket(RawHandle handle) noexcept : TcpSocketBase(handle) {}
};

} // namespace mio::net
