module;

#include <cstddef>
#include <span>
#include <utility>

module probe.events.scenario;

import mio;
import probe.events.sources;
import probe.events.stage;
import probe.failure;
import probe.os;

namespace probe {
namespace {

using mio::Interest;
using mio::net::Shutdown;
using mio::net::TcpStream;

// A connection whose local end is watched, with the event of registering behind it.
WatchedPair<TcpStream> watched_pair(Stage& stage) {
    return watch_settled(stage, tcp_pair(), {.interest = read_write});
}

void connected_idle(Stage& stage) {
    const auto pair = watch(stage, tcp_pair(), {.interest = read_write});
    stage.observe("registered");
}

void connect_accepted(Stage& stage) {
    const auto listener = listen_on_loopback();
    auto stream = must(TcpStream::connect(must(listener.local_address(), "getsockname")), "connect");
    const auto watched = stage.watch(std::move(stream), {.interest = read_write});
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
    await(pair.local, os::State::read_closed); // some systems reset the connection, and some do not
    stage.observe("peer closed");
}

void local_shutdown_read(Stage& stage) {
    const auto pair = watched_pair(stage);
    must(pair.local->shutdown(Shutdown::read), "shutdown");
    stage.observe("shut down reading");
}

void local_shutdown_write(Stage& stage) {
    const auto pair = watched_pair(stage);
    must(pair.local->shutdown(Shutdown::write), "shutdown");
    await(pair.peer, os::State::read_closed);
    stage.observe("shut down writing");
}

void local_shutdown_both(Stage& stage) {
    const auto pair = watched_pair(stage);
    must(pair.local->shutdown(Shutdown::both), "shutdown");
    await(pair.peer, os::State::read_closed);
    stage.observe("shut down both");
}

void urgent_data(Stage& stage) {
    const auto pair = watch_settled(stage, tcp_pair(), {.interest = read_write | Interest::priority});
    must(os::send_urgent(pair.peer.raw(), std::byte{'!'}), "send(MSG_OOB)");
    await(pair.local, os::State::urgent);
    stage.observe("urgent byte arrived");
}

// A bound socket that does not listen keeps its port from others, and refuses.
void connect_refused(Stage& stage, Interest interest) {
    const auto refusing = must(mio::net::TcpSocket::v4(), "socket");
    must(refusing.bind(loopback()), "bind");
    auto stream = must(TcpStream::connect(must(refusing.local_address(), "getsockname")), "connect");
    const auto watched = stage.watch(std::move(stream), {.interest = interest});
    await(watched, os::State::closed);
    stage.observe("refused");
}

void connect_refused_read_write(Stage& stage) { connect_refused(stage, read_write); }
void connect_refused_write(Stage& stage) { connect_refused(stage, Interest::writable); }
void connect_refused_read(Stage& stage) { connect_refused(stage, Interest::readable); }

void never_connected(Stage& stage) {
    const auto socket = stage.watch(must(mio::net::TcpSocket::v4(), "socket"), {.interest = read_write});
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
