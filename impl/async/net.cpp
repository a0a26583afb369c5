module mio.async.net;

import mio.core;
import mio.net;
import mio.std;
import mio.time;
import mio.async.loop;
import mio.async.task;
import mio.async.io;

namespace mio::async {
namespace {

struct ConnectOp {
    static constexpr Direction direction = Direction::write;
    static constexpr const char* name = "connect";
    Result<> operator()(Async<net::TcpStream>& io) const noexcept {
        const auto connected = io.source().finish_connect();
        if (!connected) return std::unexpected(connected.error());
        if (!*connected) return std::unexpected(os_error(std::errc::operation_would_block));
        return {};
    }
};

template <class Async, class S> Result<Async> wrapped(Result<S> source) {
    if (!source) return std::unexpected(source.error());
    return Async(std::move(*source));
}

template <class Async, class S>
Result<std::pair<Async, Async>> wrapped_pair(Result<std::pair<S, S>> sources) {
    if (!sources) return std::unexpected(sources.error());
    return std::pair(Async(std::move(sources->first)), Async(std::move(sources->second)));
}

// Repeats a call that a signal interrupts before it has an effect.
template <class F> std::invoke_result_t<F> uninterrupted(F&& call) {
    while (true) {
        auto result = call();
        if (result || !interrupted(result.error())) return result;
    }
}

// Uses `socket`, or a new one of the peer's family.
Task<Result<TcpStream>> connect_with(std::optional<net::TcpSocket> socket, net::SocketAddress peer) {
    const auto here = co_await this_context();
    if (here.scope->is_cancelled()) co_return std::unexpected(canceled_error());
    auto begun = uninterrupted(
        [&] { return socket ? std::move(*socket).connect(peer) : net::TcpStream::connect(peer); });
    if (!begun) co_return std::unexpected(begun.error());
    TcpStream stream(std::move(*begun));
    const auto connected = co_await Operation<net::TcpStream, ConnectOp>(stream, ConnectOp());
    if (!connected) co_return std::unexpected(connected.error());
    co_return std::move(stream);
}

// Pauses between attempts whose success no event reports.
class Backoff {
  public:
    [[nodiscard]] Task<Result<>> pause() {
        const auto time = pause_;
        if (pause_ < std::chrono::milliseconds(64)) pause_ *= 2;
        co_return co_await sleep_for(time);
    }

  private:
    std::chrono::milliseconds pause_{1};
};

} // namespace

// TCP.

Task<Result<TcpStream>> TcpStream::connect(net::SocketAddress peer) {
    return connect_with(std::nullopt, peer);
}
Task<Result<TcpStream>> TcpStream::connect(net::TcpSocket socket, net::SocketAddress peer) {
    return connect_with(std::move(socket), peer);
}

Result<TcpListener> TcpListener::bind(const net::SocketAddress& address) {
    return wrapped<TcpListener>(net::TcpListener::bind(address));
}

// UDP.

Result<UdpSocket> UdpSocket::bind(const net::SocketAddress& address) {
    return wrapped<UdpSocket>(net::UdpSocket::bind(address));
}

// Unix domain.

Task<Result<UnixStream>> UnixStream::connect(net::UnixAddress peer) {
    Backoff backoff;
    while (true) {
        const auto here = co_await this_context();
        if (here.scope->is_cancelled()) co_return std::unexpected(canceled_error());
        auto stream = uninterrupted([&] { return net::UnixStream::connect(peer); });
        if (stream) co_return UnixStream(std::move(*stream));
        if (!would_block(stream.error())) co_return std::unexpected(stream.error());
        if (auto paused = co_await backoff.pause(); !paused) co_return std::unexpected(paused.error());
    }
}
Task<Result<UnixStream>> UnixStream::connect(std::string path) {
    const auto address = net::UnixAddress::from_path(path);
    if (!address) co_return std::unexpected(address.error());
    co_return co_await connect(*address);
}
Result<std::pair<UnixStream, UnixStream>> UnixStream::pair() {
    return wrapped_pair<UnixStream>(net::UnixStream::pair());
}

Result<UnixListener> UnixListener::bind(std::string_view path) {
    return wrapped<UnixListener>(net::UnixListener::bind(path));
}
Result<UnixListener> UnixListener::bind(const net::UnixAddress& address) {
    return wrapped<UnixListener>(net::UnixListener::bind(address));
}
Result<UnixListener> UnixListener::bind_replacing(std::string_view path) {
    return wrapped<UnixListener>(net::UnixListener::bind_replacing(path));
}

Result<UnixDatagram> UnixDatagram::bind(std::string_view path) {
    return wrapped<UnixDatagram>(net::UnixDatagram::bind(path));
}
Result<UnixDatagram> UnixDatagram::bind(const net::UnixAddress& address) {
    return wrapped<UnixDatagram>(net::UnixDatagram::bind(address));
}
Result<UnixDatagram> UnixDatagram::unbound() { return wrapped<UnixDatagram>(net::UnixDatagram::unbound()); }
Result<std::pair<UnixDatagram, UnixDatagram>> UnixDatagram::pair() {
    return wrapped_pair<UnixDatagram>(net::UnixDatagram::pair());
}

Task<Result<std::size_t>> UnixDatagram::send_to(std::span<const std::byte> bytes, net::UnixAddress peer) {
    Backoff backoff;
    while (true) {
        const auto here = co_await this_context();
        if (here.scope->is_cancelled()) co_return std::unexpected(canceled_error());
        auto sent = uninterrupted([&] { return source().send_to(bytes, peer); });
        // BSD and Apple systems report a full queue as a lack of buffers.
        if (sent || !(would_block(sent.error()) || sent.error() == std::errc::no_buffer_space))
            co_return sent;
        if (auto paused = co_await backoff.pause(); !paused) co_return std::unexpected(paused.error());
    }
}

} // namespace mio::async
