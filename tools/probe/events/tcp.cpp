module;

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

module probe.events.scenario;

import mio;
import probe.events.stage;
import probe.events.tcp_pair;
import probe.failure;
import probe.os;

namespace probe {
namespace {

using mio::Interest;
using mio::net::Shutdown;
using mio::net::TcpStream;

// A connection whose local end is watched, with the event of registering behind it.
TcpPair watched_pair(Stage& stage) {
    auto pair = connected_pair();
    must(stage.registry().add(pair.local, only, everything), "Registry::add");
    stage.settle();
    return pair;
}

// Ends the peer's end of the connection.
void close(TcpStream stream) { const auto closed = std::move(stream); }

void connected_idle(Stage& stage) {
    auto pair = connected_pair();
    must(stage.registry().add(pair.local, only, everything), "Registry::add");
    stage.observe("registered");
}

void connect_accepted(Stage& stage) {
    const auto listener = listen_on_loopback();
    auto stream = must(TcpStream::connect(must(listener.local_address(), "getsockname")), "connect");
    must(stage.registry().add(stream, only, everything), "Registry::add");
    stage.observe("connected");
}

void peer_sends_data(Stage& stage) {
    const auto pair = watched_pair(stage);
    send(pair.peer, "data");
    stage.observe("data arrived");
}

void peer_half_close(Stage& stage) {
    const auto pair = watched_pair(stage);
    must(pair.peer.shutdown(Shutdown::write), "shutdown");
    await(pair.local, os::State::read_closed);
    stage.observe("peer shut down writing");
}

void peer_close(Stage& stage) {
    auto pair = watched_pair(stage);
    close(std::move(pair.peer));
    await(pair.local, os::State::read_closed);
    stage.observe("peer closed");
}

void peer_sends_and_closes(Stage& stage) {
    auto pair = watched_pair(stage);
    send(pair.peer, "data");
    close(std::move(pair.peer));
    await(pair.local, os::State::read_closed);
    stage.observe("peer sent and closed");
}

void peer_reset(Stage& stage) {
    auto pair = watched_pair(stage);
    must(os::reset_on_close(pair.peer.raw()), "setsockopt(SO_LINGER)");
    close(std::move(pair.peer));
    await(pair.local, os::State::closed);
    stage.observe("peer reset");
}

void peer_close_unread(Stage& stage) {
    auto pair = watched_pair(stage);
    send(pair.local, "data that nobody reads");
    await(pair.peer, os::State::readable);
    close(std::move(pair.peer));
    await(pair.local, os::State::closed);
    stage.observe("peer closed");
}

void local_shutdown_read(Stage& stage) {
    const auto pair = watched_pair(stage);
    must(pair.local.shutdown(Shutdown::read), "shutdown");
    stage.observe("shut down reading");
}

void local_shutdown_write(Stage& stage) {
    const auto pair = watched_pair(stage);
    must(pair.local.shutdown(Shutdown::write), "shutdown");
    await(pair.peer, os::State::read_closed);
    stage.observe("shut down writing");
}

void local_shutdown_both(Stage& stage) {
    const auto pair = watched_pair(stage);
    must(pair.local.shutdown(Shutdown::both), "shutdown");
    await(pair.peer, os::State::read_closed);
    stage.observe("shut down both");
}

void urgent_data(Stage& stage) {
    const auto pair = watched_pair(stage);
    must(os::send_urgent(pair.peer.raw(), std::byte{'!'}), "send(MSG_OOB)");
    await(pair.local, os::State::urgent);
    stage.observe("urgent byte arrived");
}

// A bound socket that does not listen keeps its port from others, and refuses.
void connect_refused(Stage& stage, Interest interest) {
    const auto refusing = must(mio::net::TcpSocket::v4(), "socket");
    must(refusing.bind(loopback()), "bind");
    auto stream = must(TcpStream::connect(must(refusing.local_address(), "getsockname")), "connect");
    must(stage.registry().add(stream, only, interest), "Registry::add");
    await(stream, os::State::closed);
    stage.observe("refused");
}

void connect_refused_read_write(Stage& stage) {
    connect_refused(stage, Interest::readable | Interest::writable);
}
void connect_refused_write(Stage& stage) { connect_refused(stage, Interest::writable); }
void connect_refused_read(Stage& stage) { connect_refused(stage, Interest::readable); }

void never_connected(Stage& stage) {
    auto socket = must(mio::net::TcpSocket::v4(), "socket");
    must(stage.registry().add(socket, only, everything), "Registry::add");
    stage.observe("registered");
}

constexpr Scenario list[] = {
    {"tcp-connected-idle", "a connection on which nothing happens", connected_idle},
    {"tcp-connect-accepted", "connecting to a listener", connect_accepted},
    {"tcp-connect-refused-read-write", "connecting where nobody listens, both interests",
     connect_refused_read_write},
    {"tcp-connect-refused-write", "connecting where nobody listens, writable only", connect_refused_write},
    {"tcp-connect-refused-read", "connecting where nobody listens, readable only", connect_refused_read},
    {"tcp-never-connected", "a socket that nothing was done with", never_connected},
    {"tcp-peer-sends-data", "data arrives", peer_sends_data},
    {"tcp-peer-half-close", "the peer shuts down its writing side", peer_half_close},
    {"tcp-peer-close", "the peer closes, nothing left unread", peer_close},
    {"tcp-peer-sends-and-closes", "the peer sends data, then closes", peer_sends_and_closes},
    {"tcp-peer-close-unread", "the peer closes without reading our data", peer_close_unread},
    {"tcp-peer-reset", "the peer resets the connection (linger 0)", peer_reset},
    {"tcp-local-shutdown-read", "we shut down reading", local_shutdown_read},
    {"tcp-local-shutdown-write", "we shut down writing", local_shutdown_write},
    {"tcp-local-shutdown-both", "we shut down both directions", local_shutdown_both},
    {"tcp-urgent-data", "the peer sends one urgent byte", urgent_data},
};

} // namespace

std::span<const Scenario> tcp_scenarios() { return list; }

} // namespace probe
