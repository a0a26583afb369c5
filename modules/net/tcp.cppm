/// @file
/// TCP: listeners, streams, and sockets on their way to becoming one or the other.

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

/// A connection, or an attempt at one. Readable: data, end of stream or an error; writable: connected (or
/// failed to), or room in the send buffer.
///
/// With `Trigger::edge`, repeat an operation after its event until it would block. No call raises SIGPIPE:
/// writing to a connection that is closed is an error (`std::errc::broken_pipe`).
export class TcpStream : public Socket {
  public:
    /// Starts to connect and returns at once; `finish_connect` tells the outcome after the first writable
    /// event. Errors: the OS's own; a refusal may come already here.
    /// @see connect(2)
    [[nodiscard]] static Result<TcpStream> connect(const SocketAddress& peer);

    /// Takes ownership of a handle as it is: connected or connecting, and blocking unless made non-blocking
    /// before.
    [[nodiscard]] static TcpStream from_raw(RawHandle handle) noexcept { return TcpStream(handle); }

    /// How an attempt to connect stands: `true` connected, `false` still connecting (the event was spurious),
    /// or the error with which it failed (`std::errc::connection_refused`, …).
    /// @see connect(2), getpeername(2)
    [[nodiscard]] Result<bool> finish_connect() const noexcept;

    /// Reads at most `buffer.size()` bytes and gives their number; 0 is the end of the stream (or an empty
    /// buffer). Errors: would-block (`mio::would_block`) when nothing has arrived; the OS's own.
    /// @see recv(2)
    [[nodiscard]] inline Result<std::size_t> read(std::span<std::byte> buffer) const noexcept {
        return receive_some(buffer);
    }
    /// As `read`, into several buffers in turn. At most as many as the OS takes in one call are used.
    /// @see recvmsg(2)
    [[nodiscard]] Result<std::size_t> read_vectored(std::span<const IoSliceMut> buffers) const noexcept;
    /// As `read`, but the data stays to be read.
    [[nodiscard]] Result<std::size_t> peek(std::span<std::byte> buffer) const noexcept;

    /// Writes as much of `bytes` as there is room for and gives its size. Errors: would-block when there is
    /// no room; `broken_pipe` when the connection is closed; the OS's own.
    /// @see send(2)
    [[nodiscard]] inline Result<std::size_t> write(std::span<const std::byte> bytes) const noexcept {
        return send_some(bytes);
    }
    /// As `write`, from several buffers in turn. At most as many as the OS takes in one call are used.
    /// @see sendmsg(2)
    [[nodiscard]] Result<std::size_t> write_vectored(std::span<const IoSlice> buffers) const noexcept;

    /// Ends one direction or both, for every duplicate of the handle. What was buffered before `read` was
    /// shut down can still be read on Linux, and is gone on BSD and Apple systems. Errors: the OS's own,
    /// `not_connected` first.
    /// @see shutdown(2)
    [[nodiscard]] Result<> shutdown(Shutdown how) const noexcept;

    /// Whether small writes are sent at once instead of being gathered. @see tcp(7), TCP_NODELAY
    [[nodiscard]] Result<> set_nodelay(bool on) const noexcept;
    [[nodiscard]] Result<bool> nodelay() const noexcept;
    /// How many routers a packet passes at the most, from 1 to 255. Errors: `invalid_argument` for
    /// others. @see ip(7), IP_TTL; ipv6(7), IPV6_UNICAST_HOPS
    [[nodiscard]] Result<> set_ttl(std::uint32_t hops) const noexcept;
    [[nodiscard]] Result<std::uint32_t> ttl() const noexcept;

    /// Errors: `std::errc::not_connected` while connecting and after an attempt failed.
    [[nodiscard]] Result<SocketAddress> peer_address() const noexcept;
    [[nodiscard]] Result<SocketAddress> local_address() const noexcept;

  private:
    friend class TcpSocket;
    explicit TcpStream(RawHandle handle) noexcept : Socket(handle) {}
    inline explicit TcpStream(Socket&& socket) noexcept : Socket(std::move(socket)) {}
};

/// A socket that accepts connections. Readable: at least one is waiting.
export class TcpListener : public Socket {
  public:
    /// Listens at `address`; port 0 lets the OS choose one, which `local_address` tells. On Unix the address
    /// can be reused at once after an earlier listener (SO_REUSEADDR). At most 128 connections wait to be
    /// accepted. Errors: `address_in_use`, `permission_denied` and others of the OS.
    /// @see bind(2), listen(2)
    [[nodiscard]] static Result<TcpListener> bind(const SocketAddress& address);
    /// The same, with `backlog` connections instead of 128. Less than 0 is 0; the OS may cap it, and raise it.
    [[nodiscard]] static Result<TcpListener> bind(const SocketAddress& address, int backlog);

    /// Takes ownership of a listening handle as it is.
    [[nodiscard]] static TcpListener from_raw(RawHandle handle) noexcept { return TcpListener(handle); }

    /// Takes one connection from the queue: the stream, non-blocking, and its peer. After an event, repeat
    /// until it would block.
    ///
    /// Errors: would-block when none is waiting. The others leave the listener fit for use: one connection
    /// that is gone again (`connection_aborted`) is no reason to stop, nor is `too_many_files_open`, after
    /// which the connection still waits and no edge will tell.
    /// @see accept(2)
    [[nodiscard]] Result<std::pair<TcpStream, SocketAddress>> accept() const noexcept;

    [[nodiscard]] Result<SocketAddress> local_address() const noexcept;
    /// How many routers a packet passes at the most, from 1 to 255; accepted streams begin with it. Errors:
    /// `invalid_argument` for others. @see ip(7), IP_TTL; ipv6(7), IPV6_UNICAST_HOPS
    [[nodiscard]] Result<> set_ttl(std::uint32_t hops) const noexcept;
    [[nodiscard]] Result<std::uint32_t> ttl() const noexcept;

  private:
    friend class TcpSocket;
    explicit TcpListener(RawHandle handle) noexcept : Socket(handle) {}
    inline explicit TcpListener(Socket&& socket) noexcept : Socket(std::move(socket)) {}
};

/// A TCP socket that neither listens nor connects yet: for options that have to be set before.
///
/// Every option fails only as the OS does.
/// @see socket(7), tcp(7), ipv6(7)
export class TcpSocket : public Socket {
  public:
    /// A new IPv4 or IPv6 socket. Errors: the OS's own, when it is out of descriptors or has no such family.
    [[nodiscard]] static Result<TcpSocket> v4();
    [[nodiscard]] static Result<TcpSocket> v6();

    /// Takes ownership of a handle as it is.
    [[nodiscard]] static TcpSocket from_raw(RawHandle handle) noexcept { return TcpSocket(handle); }

    /// SO_REUSEADDR. On Windows it would let another program take over the port; do not set it there.
    [[nodiscard]] Result<> set_reuse_address(bool on) const noexcept;
    [[nodiscard]] Result<bool> reuse_address() const noexcept;
    /// SO_REUSEPORT: several listeners at one address, among which the kernel spreads connections on Linux,
    /// FreeBSD (where it is SO_REUSEPORT_LB) and DragonFly; elsewhere one of them gets all. Errors:
    /// `Errc::unsupported` where the OS has no such thing.
    [[nodiscard]] Result<> set_reuse_port(bool on) const noexcept;
    [[nodiscard]] Result<bool> reuse_port() const noexcept;
    /// IPV6_V6ONLY: an IPv6 socket takes no IPv4 connections. On OpenBSD that is always so, and turning it off is
    /// an error.
    [[nodiscard]] Result<> set_only_v6(bool on) const noexcept;
    [[nodiscard]] Result<bool> only_v6() const noexcept;
    /// TCP_NODELAY; inherited by accepted streams on Linux.
    [[nodiscard]] Result<> set_nodelay(bool on) const noexcept;
    [[nodiscard]] Result<bool> nodelay() const noexcept;
    /// SO_KEEPALIVE: probes an idle connection, by default after two hours.
    [[nodiscard]] Result<> set_keepalive(bool on) const noexcept;
    [[nodiscard]] Result<bool> keepalive() const noexcept;
    /// SO_LINGER: how long closing may wait for unsent data, in whole seconds, rounded up; zero or less resets the
    /// connection instead, nothing (the default) lets the kernel finish in the background. What is longer than the OS
    /// can count is as long as it can (hours at least; minutes on Apple).
    [[nodiscard]] Result<>
    set_linger(std::optional<Saturating<std::chrono::milliseconds>> limit) const noexcept;
    [[nodiscard]] Result<std::optional<std::chrono::seconds>> linger() const noexcept;
    /// SO_RCVBUF and SO_SNDBUF: the requested size in bytes, clamped to what the OS allows; Linux doubles it and
    /// reports the double.
    [[nodiscard]] Result<> set_receive_buffer(std::size_t bytes) const noexcept;
    [[nodiscard]] Result<std::size_t> receive_buffer() const noexcept;
    [[nodiscard]] Result<> set_send_buffer(std::size_t bytes) const noexcept;
    [[nodiscard]] Result<std::size_t> send_buffer() const noexcept;

    /// Gives the socket its local address. @see bind(2)
    [[nodiscard]] Result<> bind(const SocketAddress& address) const noexcept;
    [[nodiscard]] Result<SocketAddress> local_address() const noexcept;

    /// Turns the socket into a listener with at most `backlog` connections waiting to be accepted. Less than 0
    /// is 0; the OS may cap it, and raise it. A socket that is registered stays so. After an error it is as it was. @see listen(2)
    [[nodiscard]] Result<TcpListener> listen(int backlog) &&;
    /// Turns the socket into a stream that is connecting; see `TcpStream::connect`. A socket that is registered
    /// stays so. After an error it is as the OS left it.
    [[nodiscard]] Result<TcpStream> connect(const SocketAddress& peer) &&;

  private:
    explicit TcpSocket(RawHandle handle) noexcept : Socket(handle) {}
};

} // namespace mio::net
