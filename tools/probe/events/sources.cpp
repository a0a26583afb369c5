module;

#include <utility>

module probe.events.sources;

import mio;
import probe.events.stage;
import probe.failure;
import probe.os;

namespace probe {

mio::net::SocketAddress loopback() noexcept { return {mio::net::IpAddress::loopback_v4(), 0}; }

mio::net::TcpListener listen_on_loopback() { return must(mio::net::TcpListener::bind(loopback()), "bind"); }

TcpPair tcp_pair() {
    const auto listener = listen_on_loopback();
    const auto address = must(listener.local_address(), "getsockname");
    auto local = must(mio::net::TcpStream::connect(address), "connect");
    await(listener, os::State::readable);
    auto [peer, peer_address] = must(listener.accept(), "accept");
    await(local, os::State::writable);
    must(local.finish_connect(), "connect");
    return {std::move(local), std::move(peer)};
}

} // namespace probe
