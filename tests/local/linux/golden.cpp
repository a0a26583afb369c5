// Golden table of epoll events on Unix sockets: the flags for each state, and the predicates derived from them.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "../local.hpp"

#include "golden.hpp"

using namespace test;

namespace {

// The objects of a row. The source is registered edge-triggered for reading and writing.
struct Scene {
    Folder folder;
    Loop loop;
    UnixStream stream, stream_peer;
    UnixStream lone = UnixStream::from_raw(plain::unix_socket(SOCK_STREAM).release());
    UnixDatagram datagram, datagram_peer;
    UnixListener listener = must(UnixListener::bind(folder / "listener"));
    std::optional<UnixStream> client;

    Scene() : Scene(must(UnixStream::pair()), must(UnixDatagram::pair())) {}
    Scene(std::pair<UnixStream, UnixStream> streams, std::pair<UnixDatagram, UnixDatagram> datagrams)
        : stream(std::move(streams.first)), stream_peer(std::move(streams.second)),
          datagram(std::move(datagrams.first)), datagram_peer(std::move(datagrams.second)) {}
};

enum class Watched { stream, lone_stream, datagram, listener };

struct Row {
    const char* name;
    Watched watched;
    void (*before)(Scene&); // its events are discarded
    void (*act)(Scene&);    // must cause exactly the event below; null: the event of registering
    const char* step;       // in the golden table
    GoldenEvent golden = golden_epoll_event(step);
};

void nothing(Scene&) {}
void close_peer(Scene& scene) { const auto gone = std::move(scene.stream_peer); }

const Row rows[] = {
    {"StreamIdle", Watched::stream, nullptr, nothing, "unix-stream-idle: registered"},
    {"StreamData", Watched::stream, nothing, [](Scene& s) { must(s.stream_peer.write(bytes_of(data1))); },
     "unix-stream-data: data arrived"},
    {"StreamLocalShutdownRead", Watched::stream, nothing,
     [](Scene& s) { must(s.stream.shutdown(Shutdown::read)); },
     "unix-stream-local-shutdown-read: shut down reading"},
    {"StreamLocalShutdownWrite", Watched::stream, nothing,
     [](Scene& s) { must(s.stream.shutdown(Shutdown::write)); },
     "unix-stream-local-shutdown-write: shut down writing"},
    {"StreamLocalShutdownBoth", Watched::stream, nothing,
     [](Scene& s) { must(s.stream.shutdown(Shutdown::both)); },
     "unix-stream-local-shutdown-both: shut down both"},
    {"StreamPeerShutdownWrite", Watched::stream, nothing,
     [](Scene& s) { must(s.stream_peer.shutdown(Shutdown::write)); },
     "unix-stream-peer-shutdown-write: peer shut down writing"},
    {"StreamPeerShutdownRead", Watched::stream, nothing,
     [](Scene& s) { must(s.stream_peer.shutdown(Shutdown::read)); },
     "unix-stream-peer-shutdown-read: peer shut down reading"},
    {"StreamPeerClosed", Watched::stream, nothing, close_peer, "unix-stream-peer-close: peer closed"},
    {"StreamPeerClosedWithDataLeft", Watched::stream,
     [](Scene& s) { must(s.stream_peer.write(bytes_of(data1))); }, close_peer,
     "unix-stream-peer-sends-and-closes: peer sent and closed"},
    {"StreamPeerClosedWithUnreadData", Watched::stream,
     [](Scene& s) { must(s.stream.write(bytes_of(data1))); }, close_peer,
     "unix-stream-peer-close-unread: peer closed"},
    {"StreamNeverConnected", Watched::lone_stream, nullptr, nothing,
     "unix-stream-never-connected: registered"},
    {"DatagramIdle", Watched::datagram, nullptr, nothing, "unix-datagram-idle: registered"},
    {"DatagramData", Watched::datagram, nothing,
     [](Scene& s) { must(s.datagram_peer.send(bytes_of(data1))); }, "unix-datagram-data: data arrived"},
    {"DatagramLocalShutdownRead", Watched::datagram, nothing,
     [](Scene& s) { must(s.datagram.shutdown(Shutdown::read)); },
     "unix-datagram-local-shutdown: shut down reading"},
    {"DatagramLocalShutdownReadThenWrite", Watched::datagram,
     [](Scene& s) { must(s.datagram.shutdown(Shutdown::read)); },
     [](Scene& s) { must(s.datagram.shutdown(Shutdown::write)); },
     "unix-datagram-local-shutdown: shut down writing too"},
    {"ListenerIdle", Watched::listener, nullptr, nothing, "unix-listener-pending: no connection"},
    {"ListenerPendingConnection", Watched::listener, nothing,
     [](Scene& s) { s.client = must(UnixStream::connect(s.folder / "listener")); },
     "unix-listener-pending: connection pending"},
};

class UnixGolden : public testing::TestWithParam<Row> {};
INSTANTIATE_TEST_SUITE_P(, UnixGolden, testing::ValuesIn(rows),
                         [](const auto& row) { return std::string(row.param.name); });
void PrintTo(const Row& row, std::ostream* stream) { *stream << row.name; }

mio::Result<> watch(Scene& scene, Watched watched) {
    const auto& registry = scene.loop.registry();
    switch (watched) {
    case Watched::stream: return registry.add(scene.stream, id1, read_write);
    case Watched::lone_stream: return registry.add(scene.lone, id1, read_write);
    case Watched::datagram: return registry.add(scene.datagram, id1, read_write);
    case Watched::listener: return registry.add(scene.listener, id1, read_write);
    }
    std::abort();
}

} // namespace

TEST_P(UnixGolden, ReportsExactlyTheseFlagsAndPredicates) {
    if (mio::backend() != "epoll") GTEST_SKIP() << "tests epoll flags";
    const auto& row = GetParam();
    Scene scene;
    auto& [poll, events] = scene.loop;
    ASSERT_TRUE(ok(watch(scene, row.watched)));
    if (row.before != nullptr) {
        row.before(scene);
        ASSERT_TRUE(ok(poll.poll(events, 0ms)));
    }
    // A Unix socket's state changes within the call, so there is nothing to wait for.
    row.act(scene);
    ASSERT_TRUE(ok(poll.poll(events, 0ms)));
    const std::vector<mio::Event> seen(events.begin(), events.end());
    ASSERT_EQ(seen.size(), row.golden.flags == 0 ? 0u : 1u);
    for (const auto& event : seen) {
        EXPECT_EQ(event.token(), id1);
        EXPECT_EQ(event.raw_flags(), row.golden.flags) << describe(event);
        EXPECT_EQ(event.readiness(), row.golden.readiness) << to_string(event);
    }
    // It is reported once.
    scene.loop.expect_none();
}
