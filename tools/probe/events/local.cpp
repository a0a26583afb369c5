module;

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
using mio::net::UnixDatagram;
using mio::net::UnixListener;
using mio::net::UnixStream;

template <class S> Pair<S> pair_of() {
    auto [local, peer] = must(S::pair(), "socketpair");
    return {std::move(local), std::move(peer)};
}

// With the event of registering behind it.
template <class S> WatchedPair<S> watched_pair(Stage& stage) {
    return watch_settled(stage, pair_of<S>(), {.interest = read_write});
}

template <class S> void idle(Stage& stage) {
    const auto pair = watch(stage, pair_of<S>(), {.interest = read_write});
    stage.observe("registered");
}

template <class S> void data(Stage& stage) {
    const auto pair = watched_pair<S>(stage);
    send(pair.peer, "data");
    stage.observe("data arrived");
}

template <class S> void full(Stage& stage) {
    const auto pair = watched_pair<S>(stage);
    fill(pair.local);
    stage.settle();
    stage.observe_silence("full");
    make_room(pair);
    stage.observe("emptied");
}

void local_shutdown_read(Stage& stage) {
    const auto pair = watched_pair<UnixStream>(stage);
    must(pair.local->shutdown(Shutdown::read), "shutdown");
    stage.observe("shut down reading");
}

void local_shutdown_write(Stage& stage) {
    const auto pair = watched_pair<UnixStream>(stage);
    must(pair.local->shutdown(Shutdown::write), "shutdown");
    stage.observe("shut down writing");
}

void local_shutdown_both(Stage& stage) {
    const auto pair = watched_pair<UnixStream>(stage);
    must(pair.local->shutdown(Shutdown::both), "shutdown");
    stage.observe("shut down both");
}

void peer_shutdown_write(Stage& stage) {
    const auto pair = watched_pair<UnixStream>(stage);
    must(pair.peer.shutdown(Shutdown::write), "shutdown");
    stage.observe("peer shut down writing");
}

void peer_shutdown_read(Stage& stage) {
    const auto pair = watched_pair<UnixStream>(stage);
    must(pair.peer.shutdown(Shutdown::read), "shutdown");
    stage.observe("peer shut down reading");
}

void peer_close(Stage& stage) {
    auto pair = watched_pair<UnixStream>(stage);
    close(std::move(pair.peer));
    stage.observe("peer closed");
}

void peer_sends_and_closes(Stage& stage) {
    auto pair = watched_pair<UnixStream>(stage);
    send(pair.peer, "data");
    close(std::move(pair.peer));
    stage.observe("peer sent and closed");
}

void peer_close_unread(Stage& stage) {
    auto pair = watched_pair<UnixStream>(stage);
    send(pair.local, "data that nobody reads");
    close(std::move(pair.peer));
    stage.observe("peer closed");
}

void listener_pending(Stage& stage) {
    const os::TemporaryFolder folder;
    const auto path = folder / "socket";
    const auto listener =
        stage.watch(must(UnixListener::bind(path), "bind"), {.interest = Interest::readable});
    stage.observe_silence("nobody connects");
    const auto client = must(UnixStream::connect(path), "connect");
    stage.observe("connection pending");
}

void datagram_shutdown(Stage& stage) {
    const auto pair = watched_pair<UnixDatagram>(stage);
    must(pair.local->shutdown(Shutdown::read), "shutdown");
    stage.observe("shut down reading");
    must(pair.local->shutdown(Shutdown::write), "shutdown");
    stage.observe("shut down writing too");
}

constexpr Scenario list[] = {
    {"unix-stream-idle", "a connection on which nothing happens", idle<UnixStream>},
    {"unix-stream-data", "data arrives", data<UnixStream>},
    {"unix-stream-full", "the peer does not read, then does", full<UnixStream>},
    {"unix-stream-local-shutdown-read", "we shut down reading", local_shutdown_read},
    {"unix-stream-local-shutdown-write", "we shut down writing", local_shutdown_write},
    {"unix-stream-local-shutdown-both", "we shut down both directions", local_shutdown_both},
    {"unix-stream-peer-shutdown-write", "the peer shuts down its writing side", peer_shutdown_write},
    {"unix-stream-peer-shutdown-read", "the peer shuts down its reading side", peer_shutdown_read},
    {"unix-stream-peer-close", "the peer closes, nothing left unread", peer_close},
    {"unix-stream-peer-sends-and-closes", "the peer sends data, then closes", peer_sends_and_closes},
    {"unix-stream-peer-close-unread", "the peer closes without reading our data", peer_close_unread},
    {"unix-listener-pending", "a connection waits to be accepted", listener_pending},
    {"unix-datagram-idle", "a pair on which nothing happens", idle<UnixDatagram>},
    {"unix-datagram-data", "a datagram arrives", data<UnixDatagram>},
    {"unix-datagram-local-shutdown", "we shut down reading, then writing", datagram_shutdown},
};

} // namespace

std::span<const Scenario> unix_scenarios() { return list; }

} // namespace probe
