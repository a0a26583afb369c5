#include "stage.hpp"

namespace probe {

namespace {
namespace unix_sockets {

using mio::Interest;
using mio::net::Shutdown;
using mio::net::UnixDatagram;
using mio::net::UnixListener;
using mio::net::UnixStream;

template <class S> Pair<S> pair_of() {
    auto [local, peer] = must(S::pair(), "socketpair");
    return {std::move(local), std::move(peer)};
}

// After the event of registering.
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
    send(pair.local, "unread data");
    close(std::move(pair.peer));
    stage.observe("peer closed");
}

void listener_pending(Stage& stage) {
    const os::TemporaryFolder folder;
    const auto path = folder / "socket";
    const auto listener =
        stage.watch(must(UnixListener::bind(path), "bind"), {.interest = Interest::readable});
    stage.observe_silence("no connection");
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

} // namespace unix_sockets
} // namespace

std::span<const Scenario> unix_scenarios() { return unix_sockets::list; }

namespace {
namespace pipe {

using mio::Interest;
using mio::net::PipeReceiver;
using mio::net::PipeSender;

using WatchedSender = WatchedPair<PipeSender, PipeReceiver>;
using WatchedReceiver = WatchedPair<PipeReceiver, PipeSender>;

WatchedSender watched_sender(Stage& stage) {
    auto [sender, receiver] = must(mio::net::make_pipe(), "pipe");
    return watch(stage, Pair<PipeSender, PipeReceiver>{std::move(sender), std::move(receiver)},
                 {.interest = Interest::writable});
}

WatchedReceiver watched_receiver(Stage& stage) {
    auto [sender, receiver] = must(mio::net::make_pipe(), "pipe");
    return watch(stage, Pair<PipeReceiver, PipeSender>{std::move(receiver), std::move(sender)},
                 {.interest = Interest::readable});
}

void sender_fresh(Stage& stage) {
    const auto pipe = watched_sender(stage);
    stage.observe("registered");
}

void sender_full(Stage& stage) {
    const auto pipe = watched_sender(stage);
    stage.settle();
    fill(pipe.local);
    stage.settle();
    stage.observe_silence("full");
    make_room(pipe);
    stage.observe("emptied");
}

void receiver_closed(Stage& stage) {
    auto pipe = watched_sender(stage);
    stage.settle();
    close(std::move(pipe.peer));
    stage.observe("receiver closed");
}

void receiver_closed_full(Stage& stage) {
    auto pipe = watched_sender(stage);
    fill(pipe.local);
    stage.settle();
    close(std::move(pipe.peer));
    stage.observe("receiver closed");
}

void receiver_fresh(Stage& stage) {
    const auto pipe = watched_receiver(stage);
    stage.observe_silence("registered");
}

void data(Stage& stage) {
    const auto pipe = watched_receiver(stage);
    send(pipe.peer, "data");
    stage.observe("data arrived");
    stage.observe_silence("left unread");
}

void sender_closed(Stage& stage) {
    auto pipe = watched_receiver(stage);
    close(std::move(pipe.peer));
    stage.observe("sender closed");
    stage.observe_silence("reported already");
}

void sender_closed_data_left(Stage& stage) {
    auto pipe = watched_receiver(stage);
    send(pipe.peer, "data");
    stage.observe("data arrived");
    close(std::move(pipe.peer));
    stage.observe("sender closed");
}

constexpr Scenario list[] = {
    {"pipe-sender-fresh", "the writing end of an empty pipe", sender_fresh},
    {"pipe-sender-full", "a pipe is filled, then emptied", sender_full},
    {"pipe-receiver-closed", "the reading end closes, room is left", receiver_closed},
    {"pipe-receiver-closed-full", "the reading end of a full pipe closes", receiver_closed_full},
    {"pipe-receiver-fresh", "the reading end of an empty pipe", receiver_fresh},
    {"pipe-data", "data arrives", data},
    {"pipe-sender-closed", "the writing end closes, nothing left unread", sender_closed},
    {"pipe-sender-closed-data-left", "the writing end closes, data left unread", sender_closed_data_left},
};

} // namespace pipe
} // namespace

std::span<const Scenario> pipe_scenarios() { return pipe::list; }

} // namespace probe
