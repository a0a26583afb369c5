/// @file
/// Sockets and pipes that coroutines wait for.

export module mio.async.net;

import mio.std;
import mio.core;
import mio.net;
import mio.sys;
import mio.async.loop;
import mio.async.task;
import mio.async.io;

export import mio.async.pipe;

namespace mio::async {

// Exported for MSVC; see the end of mio.core.error.
export {
    template <> inline constexpr Interest default_interest<net::TcpListener> = Interest::readable;
    template <> inline constexpr Interest default_interest<net::UnixListener> = Interest::readable;

    // kqueue does not report urgent data. The backends that emulate edges look at the stream again.
    template <>
    inline constexpr bool is_drained_by_short_read<net::TcpStream> =
        backend_traits::has_priority || !backend_traits::reports_data_behind_data_left_unread;
    template <> inline constexpr bool is_filled_by_short_write<net::TcpStream> = true;
    // A read stops behind data with which descriptors were passed.
    template <> inline constexpr bool is_filled_by_short_write<net::UnixStream> = true;
}

/// A TCP connection; see `mio::net::TcpStream`, which `source` returns, for its options and addresses.
export class TcpStream : public ByteStream<net::TcpStream> {
  public:
    using ByteStream::ByteStream;

    /// Connects to `peer`. Errors: the OS's own, such as `connection_refused`. If cancelled, the attempt is abandoned.
    [[nodiscard]] static Task<Result<TcpStream>> connect(net::SocketAddress peer);
    /// The same with an existing socket, for options that must be set before.
    [[nodiscard]] static Task<Result<TcpStream>> connect(net::TcpSocket socket, net::SocketAddress peer);

    /// As `mio::net::TcpStream::shutdown`. Waiting operations return end of stream or an error.
    [[nodiscard]] Result<> shutdown(net::Shutdown how) noexcept { return source().shutdown(how); }
};

template <class S> struct AcceptOp;
template <class S> struct AcceptFromOp;

/// A socket that accepts TCP connections; see `mio::net::TcpListener`.
export class TcpListener : public Async<net::TcpListener> {
  public:
    using Async::Async;

    /// As `mio::net::TcpListener::bind`.
    [[nodiscard]] static Result<TcpListener> bind(const net::SocketAddress& address);

    /// Waits for a connection and returns its stream. Errors: as `mio::net::TcpListener::accept`, without would-block.
    /// The listener stays usable. After `too_many_files_open` the connection is still pending, and another `accept`
    /// tries again at once: pause first, or close something. If cancelled, it has accepted nothing.
    [[nodiscard]] inline auto accept() noexcept;
    /// The same, returning a pair of the stream and the address of its peer.
    [[nodiscard]] inline auto accept_from() noexcept;
    /// The address that the socket is bound to.
    [[nodiscard]] Result<net::SocketAddress> local_address() const noexcept {
        return source().local_address();
    }
};

/// A connection between two processes of one machine; see `mio::net::UnixStream`.
export class UnixStream : public ByteStream<net::UnixStream> {
  public:
    using ByteStream::ByteStream;

    /// Connects to a listener. While the listener's queue is full, it retries after 1 ms, doubled up to 64 ms, because
    /// no event reports room in the queue. Errors: as `mio::net::UnixStream::connect`, without would-block. If
    /// cancelled, it is not connected.
    [[nodiscard]] static Task<Result<UnixStream>> connect(net::UnixAddress peer);
    [[nodiscard]] static Task<Result<UnixStream>> connect(std::string path);
    /// Two connected streams.
    [[nodiscard]] static Result<std::pair<UnixStream, UnixStream>> pair();

    [[nodiscard]] Result<> shutdown(net::Shutdown how) noexcept { return source().shutdown(how); }

    /// As `mio::net::UnixStream::send_with_fds` and `receive_with_fds`. If cancelled, nothing has been sent or
    /// received. @{
    [[nodiscard]] inline auto send_with_fds(std::span<const std::byte> bytes,
                                            std::span<const RawHandle> fds) noexcept;
    [[nodiscard]] inline auto receive_with_fds(std::span<std::byte> buffer,
                                               std::span<OwnedHandle> fds) noexcept;
    /// @}
};

/// A socket that accepts connections of one machine; see `mio::net::UnixListener`.
export class UnixListener : public Async<net::UnixListener> {
  public:
    using Async::Async;

    /// As `mio::net::UnixListener::bind` and `bind_replacing`. @{
    [[nodiscard]] static Result<UnixListener> bind(std::string_view path);
    [[nodiscard]] static Result<UnixListener> bind(const net::UnixAddress& address);
    [[nodiscard]] static Result<UnixListener> bind_replacing(std::string_view path);
    /// @}

    /// As `TcpListener`. @{
    [[nodiscard]] inline auto accept() noexcept;
    [[nodiscard]] inline auto accept_from() noexcept;
    /// @}
};

struct ReceiveFromOp {
    static constexpr Direction direction = Direction::read;
    static constexpr const char* name = "receive_from";
    std::span<std::byte> buffer;
    template <class S> [[nodiscard]] inline auto operator()(Async<S>& io) const noexcept {
        return io.source().receive_from(buffer);
    }
};
struct PeekFromOp {
    static constexpr Direction direction = Direction::read;
    static constexpr const char* name = "peek_from";
    std::span<std::byte> buffer;
    template <class S> [[nodiscard]] inline auto operator()(Async<S>& io) const noexcept {
        return io.source().peek_from(buffer);
    }
};
struct ReceiveOp {
    static constexpr Direction direction = Direction::read;
    static constexpr const char* name = "receive";
    std::span<std::byte> buffer;
    template <class S> [[nodiscard]] inline auto operator()(Async<S>& io) const noexcept {
        return io.source().receive(buffer);
    }
};
struct SendOp {
    static constexpr Direction direction = Direction::write;
    static constexpr const char* name = "send";
    std::span<const std::byte> bytes;
    template <class S> [[nodiscard]] inline auto operator()(Async<S>& io) const noexcept {
        return io.source().send(bytes);
    }
};
struct SendToOp {
    static constexpr Direction direction = Direction::write;
    static constexpr const char* name = "send_to";
    std::span<const std::byte> bytes;
    net::SocketAddress peer;
    [[nodiscard]] inline auto operator()(Async<net::UdpSocket>& io) const noexcept {
        return io.source().send_to(bytes, peer);
    }
};
struct SendManyOp {
    static constexpr Direction direction = Direction::write;
    static constexpr const char* name = "send_many";
    std::span<const net::OutgoingDatagram> datagrams;
    [[nodiscard]] inline auto operator()(Async<net::UdpSocket>& io) const noexcept {
        return io.source().send_many(datagrams);
    }
};
struct ReceiveManyOp {
    static constexpr Direction direction = Direction::read;
    static constexpr const char* name = "receive_many";
    std::span<net::IncomingDatagram> datagrams;
    [[nodiscard]] inline auto operator()(Async<net::UdpSocket>& io) const noexcept {
        return io.source().receive_many(datagrams);
    }
};
template <class S> struct SendWithFdsOp {
    static constexpr Direction direction = Direction::write;
    static constexpr const char* name = "send_with_fds";
    std::span<const std::byte> bytes;
    std::span<const RawHandle> fds;
    [[nodiscard]] inline auto operator()(Async<S>& io) const noexcept {
        return io.source().send_with_fds(bytes, fds);
    }
};
template <class S> struct ReceiveWithFdsOp {
    static constexpr Direction direction = Direction::read;
    static constexpr const char* name = "receive_with_fds";
    std::span<std::byte> buffer;
    std::span<OwnedHandle> fds;
    [[nodiscard]] inline auto operator()(Async<S>& io) const noexcept {
        return io.source().receive_with_fds(buffer, fds);
    }
};

/// Operations on datagrams. Buffers must live until the operation ends. Errors: as those of the source, without
/// would-block. If cancelled, no datagram has been sent or received.
export template <Source S> class DatagramSocket : public Async<S> {
  public:
    using Async<S>::Async;

    /// Receives one datagram; returns its size and its sender.
    [[nodiscard]] inline auto receive_from(std::span<std::byte> buffer) noexcept {
        return Operation<S, ReceiveFromOp>(*this, {buffer});
    }
    /// As `receive_from`, but leaves the datagram in the receive queue.
    [[nodiscard]] inline auto peek_from(std::span<std::byte> buffer) noexcept {
        return Operation<S, PeekFromOp>(*this, {buffer});
    }
    /// Receives one datagram; returns its size.
    [[nodiscard]] inline auto receive(std::span<std::byte> buffer) noexcept {
        return Operation<S, ReceiveOp>(*this, {buffer});
    }
    /// Sends one datagram to the peer of a connected socket.
    [[nodiscard]] inline auto send(std::span<const std::byte> bytes) noexcept {
        return Operation<S, SendOp>(*this, {bytes});
    }
};

/// A UDP socket; see `mio::net::UdpSocket`.
export class UdpSocket : public DatagramSocket<net::UdpSocket> {
  public:
    using DatagramSocket::DatagramSocket;

    /// As `mio::net::UdpSocket::bind`.
    [[nodiscard]] static Result<UdpSocket> bind(const net::SocketAddress& address);

    /// Sends one datagram to `peer`; returns its size.
    [[nodiscard]] inline auto send_to(std::span<const std::byte> bytes,
                                      const net::SocketAddress& peer) noexcept {
        return Operation<net::UdpSocket, SendToOp>(*this, {bytes, peer});
    }
    /// Sends at least one of `datagrams`, as many as fit, and returns their number.
    [[nodiscard]] inline auto send_many(std::span<const net::OutgoingDatagram> datagrams) noexcept {
        return Operation<net::UdpSocket, SendManyOp>(*this, {datagrams});
    }
    /// Receives the pending datagrams, at least one, and returns their number.
    [[nodiscard]] inline auto receive_many(std::span<net::IncomingDatagram> datagrams) noexcept {
        return Operation<net::UdpSocket, ReceiveManyOp>(*this, {datagrams});
    }
};

/// A Unix domain datagram socket; see `mio::net::UnixDatagram`.
export class UnixDatagram : public DatagramSocket<net::UnixDatagram> {
  public:
    using DatagramSocket::DatagramSocket;

    /// As `mio::net::UnixDatagram::bind`, `unbound` and `pair`. @{
    [[nodiscard]] static Result<UnixDatagram> bind(std::string_view path);
    [[nodiscard]] static Result<UnixDatagram> bind(const net::UnixAddress& address);
    [[nodiscard]] static Result<UnixDatagram> unbound();
    [[nodiscard]] static Result<std::pair<UnixDatagram, UnixDatagram>> pair();
    /// @}

    /// Sends one datagram to `peer`; returns its size. While the receiver's queue is full, it retries after 1 ms,
    /// doubled up to 64 ms, because no event reports room in the queue. `bytes` must live until the operation ends.
    [[nodiscard]] Task<Result<std::size_t>> send_to(std::span<const std::byte> bytes, net::UnixAddress peer);

    /// As `UnixStream`. @{
    [[nodiscard]] inline auto send_with_fds(std::span<const std::byte> bytes,
                                            std::span<const RawHandle> fds) noexcept {
        return Operation<net::UnixDatagram, SendWithFdsOp<net::UnixDatagram>>(*this, {bytes, fds});
    }
    [[nodiscard]] inline auto receive_with_fds(std::span<std::byte> buffer,
                                               std::span<OwnedHandle> fds) noexcept {
        return Operation<net::UnixDatagram, ReceiveWithFdsOp<net::UnixDatagram>>(*this, {buffer, fds});
    }
    /// @}
};

template <> struct AcceptOp<net::TcpListener> {
    static constexpr Direction direction = Direction::read;
    static constexpr const char* name = "accept";
    [[nodiscard]] inline Result<TcpStream> operator()(Async<net::TcpListener>& io) const noexcept {
        auto accepted = io.source().accept();
        if (!accepted) return std::unexpected(accepted.error());
        return TcpStream(std::move(accepted->first));
    }
};
template <> struct AcceptFromOp<net::TcpListener> {
    static constexpr Direction direction = Direction::read;
    static constexpr const char* name = "accept_from";
    [[nodiscard]] inline Result<std::pair<TcpStream, net::SocketAddress>>
    operator()(Async<net::TcpListener>& io) const noexcept {
        auto accepted = io.source().accept();
        if (!accepted) return std::unexpected(accepted.error());
        return std::pair<TcpStream, net::SocketAddress>(TcpStream(std::move(accepted->first)),
                                                        accepted->second);
    }
};
template <> struct AcceptOp<net::UnixListener> {
    static constexpr Direction direction = Direction::read;
    static constexpr const char* name = "accept";
    [[nodiscard]] inline Result<UnixStream> operator()(Async<net::UnixListener>& io) const noexcept {
        auto accepted = io.source().accept();
        if (!accepted) return std::unexpected(accepted.error());
        return UnixStream(std::move(accepted->first));
    }
};
template <> struct AcceptFromOp<net::UnixListener> {
    static constexpr Direction direction = Direction::read;
    static constexpr const char* name = "accept_from";
    [[nodiscard]] inline Result<std::pair<UnixStream, net::UnixAddress>>
    operator()(Async<net::UnixListener>& io) const noexcept {
        auto accepted = io.source().accept();
        if (!accepted) return std::unexpected(accepted.error());
        return std::pair<UnixStream, net::UnixAddress>(UnixStream(std::move(accepted->first)),
                                                       accepted->second);
    }
};

inline auto TcpListener::accept() noexcept {
    return Operation<net::TcpListener, AcceptOp<net::TcpListener>>(*this, {});
}
inline auto TcpListener::accept_from() noexcept {
    return Operation<net::TcpListener, AcceptFromOp<net::TcpListener>>(*this, {});
}
inline auto UnixListener::accept() noexcept {
    return Operation<net::UnixListener, AcceptOp<net::UnixListener>>(*this, {});
}
inline auto UnixListener::accept_from() noexcept {
    return Operation<net::UnixListener, AcceptFromOp<net::UnixListener>>(*this, {});
}
inline auto UnixStream::send_with_fds(std::span<const std::byte> bytes,
                                      std::span<const RawHandle> fds) noexcept {
    return Operation<net::UnixStream, SendWithFdsOp<net::UnixStream>>(*this, {bytes, fds});
}
inline auto UnixStream::receive_with_fds(std::span<std::byte> buffer, std::span<OwnedHandle> fds) noexcept {
    return Operation<net::UnixStream, ReceiveWithFdsOp<net::UnixStream>>(*this, {buffer, fds});
}

} // namespace mio::async
