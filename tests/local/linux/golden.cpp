// Golden table: epoll's events of Unix sockets.
#include <sys/socket.h>

#include <optional>
#include <tuple>
#include <utility>

#include "../local.hpp"

#include "golden.hpp"

using namespace test;

namespace {

// A source and the sockets that bring it into its state.
struct Stage {
    Folder folder;
    Loop loop;
    std::optional<UnixStream> stream, stream_peer;
    std::optional<UnixDatagram> datagram, datagram_peer;
    std::optional<UnixListener> listener;

    // Applies `f` to the source of this stage.
    template <class F> mio::Result<> with_source(F f) {
        if (listener) return f(*listener);
        if (datagram) return f(*datagram);
        return f(*stream);
    }
};

// Initial states.

void streams(Stage& stage) { std::tie(stage.stream, stage.stream_peer) = must(UnixStream::pair()); }
void streams_with_data(Stage& stage) {
    streams(stage);
    must(stage.stream_peer->write(bytes_of(data1)));
}
void streams_with_data_for_the_peer(Stage& stage) {
    streams(stage);
    must(stage.stream->write(bytes_of(data1)));
}
void lone_stream(Stage& stage) {
    stage.stream = UnixStream::from_raw(plain::unix_socket(SOCK_STREAM).release());
}
void datagrams(Stage& stage) { std::tie(stage.datagram, stage.datagram_peer) = must(UnixDatagram::pair()); }
void datagrams_shut_down_for_reading(Stage& stage) {
    datagrams(stage);
    must(stage.datagram->shutdown(Shutdown::read));
}
void listening(Stage& stage) { stage.listener = must(UnixListener::bind(stage.folder / "listener")); }

// Steps that follow.

void shut_down_reading(Stage& stage) { must(stage.stream->shutdown(Shutdown::read)); }
void shut_down_writing(Stage& stage) { must(stage.stream->shutdown(Shutdown::write)); }
void shut_down_both(Stage& stage) { must(stage.stream->shutdown(Shutdown::both)); }
void peer_shuts_down_writing(Stage& stage) { must(stage.stream_peer->shutdown(Shutdown::write)); }
void peer_shuts_down_reading(Stage& stage) { must(stage.stream_peer->shutdown(Shutdown::read)); }
void peer_closes(Stage& stage) { stage.stream_peer.reset(); }
void peer_sends_and_closes(Stage& stage) {
    must(stage.stream_peer->write(bytes_of(data1)));
    peer_closes(stage);
}
void data_comes(Stage& stage) { must(stage.stream_peer->write(bytes_of(data1))); }
void datagram_comes(Stage& stage) { must(stage.datagram_peer->send(bytes_of(data1))); }
void datagram_shuts_down_reading(Stage& stage) { must(stage.datagram->shutdown(Shutdown::read)); }
void datagram_shuts_down_writing(Stage& stage) { must(stage.datagram->shutdown(Shutdown::write)); }
void client_connects(Stage& stage) { stage.stream = must(UnixStream::connect(stage.folder / "listener")); }

const GoldenRow<Stage> rows[] = {
    {"StreamIdle", streams, nullptr, read_write, "unix-stream-idle: registered"},
    {"StreamData", streams, data_comes, read_write, "unix-stream-data: data arrived"},
    {"StreamLocalShutdownRead", streams, shut_down_reading, read_write,
     "unix-stream-local-shutdown-read: shut down reading"},
    {"StreamLocalShutdownWrite", streams, shut_down_writing, read_write,
     "unix-stream-local-shutdown-write: shut down writing"},
    {"StreamLocalShutdownBoth", streams, shut_down_both, read_write,
     "unix-stream-local-shutdown-both: shut down both"},
    {"StreamPeerShutdownWrite", streams, peer_shuts_down_writing, read_write,
     "unix-stream-peer-shutdown-write: peer shut down writing"},
    {"StreamPeerShutdownRead", streams, peer_shuts_down_reading, read_write,
     "unix-stream-peer-shutdown-read: peer shut down reading"},
    {"StreamPeerClosed", streams, peer_closes, read_write, "unix-stream-peer-close: peer closed"},
    {"StreamPeerSendsAndCloses", streams, peer_sends_and_closes, read_write,
     "unix-stream-peer-sends-and-closes: peer sent and closed"},
    {"StreamPeerClosedWithDataLeft", streams_with_data, peer_closes, read_write,
     "unix-stream-peer-sends-and-closes: peer sent and closed"},
    {"StreamPeerClosedWithUnreadData", streams_with_data_for_the_peer, peer_closes, read_write,
     "unix-stream-peer-close-unread: peer closed"},
    {"StreamNeverConnected", lone_stream, nullptr, read_write, "unix-stream-never-connected: registered"},
    {"DatagramIdle", datagrams, nullptr, read_write, "unix-datagram-idle: registered"},
    {"DatagramData", datagrams, datagram_comes, read_write, "unix-datagram-data: data arrived"},
    {"DatagramLocalShutdownRead", datagrams, datagram_shuts_down_reading, read_write,
     "unix-datagram-local-shutdown: shut down reading"},
    {"DatagramLocalShutdownReadThenWrite", datagrams_shut_down_for_reading, datagram_shuts_down_writing,
     read_write, "unix-datagram-local-shutdown: shut down writing too"},
    {"ListenerIdle", listening, nullptr, read_write, "unix-listener-pending: no connection"},
    {"ListenerPendingConnection", listening, client_connects, read_write,
     "unix-listener-pending: connection pending"},
};

class UnixGolden : public GoldenTest<Stage> {};

TEST_P(UnixGolden, EdgesMatchEpoll) { expect_golden_edges(GetParam()); }
TEST_P(UnixGolden, LevelAndOneshotReportTheSameFlags) {
    expect_golden_flags_of_level_and_oneshot(GetParam());
}

INSTANTIATE_TEST_SUITE_P(, UnixGolden, testing::ValuesIn(rows), golden_name);

} // namespace
