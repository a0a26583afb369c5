module;

#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

module probe.events.tcp_pair;

import mio;
import probe.failure;
import probe.os;

namespace probe {

mio::net::SocketAddress loopback() noexcept { return {mio::net::IpAddress::loopback_v4(), 0}; }

mio::net::TcpListener listen_on_loopback() { return must(mio::net::TcpListener::bind(loopback()), "bind"); }

TcpPair connected_pair() {
    const auto listener = listen_on_loopback();
    const auto address = must(listener.local_address(), "getsockname");
    auto local = must(mio::net::TcpStream::connect(address), "connect");
    await(listener, os::State::readable);
    auto [peer, peer_address] = must(listener.accept(), "accept");
    await(local, os::State::writable);
    must(local.finish_connect(), "connect");
    return {std::move(local), std::move(peer)};
}

void send(const mio::net::TcpStream& stream, std::string_view text) {
    must(stream.write(std::as_bytes(std::span(text))), "send");
}

void read_everything(const mio::net::TcpStream& stream) {
    std::array<std::byte, 256> buffer;
    while (true) {
        const auto count = stream.read(buffer);
        if (!count && mio::would_block(count.error())) return;
        if (must(count, "recv") == 0) return;
    }
}

void read_some(const mio::net::TcpStream& stream, std::size_t count) {
    std::array<std::byte, 256> buffer;
    must(stream.read(std::span(buffer).first(count)), "recv");
}

void await(const mio::net::Socket& socket, os::State state) { must(os::await(socket.raw(), state), "poll"); }

} // namespace probe
