// The golden table: which flags epoll gives in which situation, and which predicates they become.
#include <sys/epoll.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "../local.hpp"

using namespace test;

namespace {

// All that a row may need. What is watched is registered for reading and writing, edge-triggered.
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
    void (*before)(Scene&); // the events of this are thrown away
    void (*act)(Scene&);    // that of this has to be exactly as told; without it, that of registering
    std::uint32_t flags;    // none: no event
    Readiness readiness;
};

void nothing(Scene&) {}
void close_peer(Scene& scene) { const auto gone = std::move(scene.stream_peer); }

constexpr auto in = EPOLLIN, out = EPOLLOUT, error = EPOLLERR, hup = EPOLLHUP, rdhup = EPOLLRDHUP;
constexpr auto R = Readiness::readable, W = Readiness::writable, E = Readiness::error,
               RC = Readiness::read_closed, WC = Readiness::write_closed;

const Row rows[] = {
    {"StreamIdle", Watched::stream, nullptr, nothing, out, W},
    {"StreamData", Watched::stream, nothing, [](Scene& s) { must(s.stream_peer.write(bytes_of(data1))); },
     in | out, R | W},
    {"StreamLocalShutdownRead", Watched::stream, nothing,
     [](Scene& s) { must(s.stream.shutdown(Shutdown::read)); }, in | out | rdhup, R | W | RC},
    {"StreamLocalShutdownWrite", Watched::stream, nothing,
     [](Scene& s) { must(s.stream.shutdown(Shutdown::write)); }, out, W},
    {"StreamLocalShutdownBoth", Watched::stream, nothing,
     [](Scene& s) { must(s.stream.shutdown(Shutdown::both)); }, in | out | hup | rdhup, R | W | RC | WC},
    {"StreamPeerShutdownWrite", Watched::stream, nothing,
     [](Scene& s) { must(s.stream_peer.shutdown(Shutdown::write)); }, in | out | rdhup, R | W | RC},
    {"StreamPeerShutdownRead", Watched::stream, nothing,
     [](Scene& s) { must(s.stream_peer.shutdown(Shutdown::read)); }, out, W},
    {"StreamPeerGone", Watched::stream, nothing, close_peer, in | out | hup | rdhup, R | W | RC | WC},
    {"StreamPeerGoneDataLeft", Watched::stream, [](Scene& s) { must(s.stream_peer.write(bytes_of(data1))); },
     close_peer, in | out | hup | rdhup, R | W | RC | WC},
    {"StreamPeerGoneOurDataUnread", Watched::stream, [](Scene& s) { must(s.stream.write(bytes_of(data1))); },
     close_peer, in | out | error | hup | rdhup, R | W | E | RC | WC},
    {"StreamNeverConnected", Watched::lone_stream, nullptr, nothing, out | hup, R | W | RC | WC},
    {"DatagramIdle", Watched::datagram, nullptr, nothing, out, W},
    {"DatagramData", Watched::datagram, nothing,
     [](Scene& s) { must(s.datagram_peer.send(bytes_of(data1))); }, in | out, R | W},
    {"DatagramLocalShutdownRead", Watched::datagram, nothing,
     [](Scene& s) { must(s.datagram.shutdown(Shutdown::read)); }, in | out | rdhup, R | W | RC},
    {"DatagramLocalShutdownReadThenWrite", Watched::datagram,
     [](Scene& s) { must(s.datagram.shutdown(Shutdown::read)); },
     [](Scene& s) { must(s.datagram.shutdown(Shutdown::write)); }, in | out | hup | rdhup, R | W | RC | WC},
    {"ListenerIdle", Watched::listener, nullptr, nothing, 0, Readiness::none},
    {"ListenerPendingConnection", Watched::listener, nothing,
     [](Scene& s) { s.client = must(UnixStream::connect(s.folder / "listener")); }, in, R},
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

TEST_P(UnixGolden, HasExactlyTheseFlagsAndPredicates) {
    if (mio::backend() != "epoll") GTEST_SKIP() << "the table is epoll's";
    const auto& row = GetParam();
    Scene scene;
    auto& [poll, events] = scene.loop;
    ASSERT_TRUE(ok(watch(scene, row.watched)));
    if (row.before != nullptr) {
        row.before(scene);
        ASSERT_TRUE(ok(poll.poll(events, 0ms)));
    }
    // A Unix socket's state changes within the call that changes it: there is nothing to wait for.
    row.act(scene);
    ASSERT_TRUE(ok(poll.poll(events, 0ms)));
    const std::vector<mio::Event> seen(events.begin(), events.end());
    ASSERT_EQ(seen.size(), row.flags == 0 ? 0u : 1u);
    for (const auto& event : seen) {
        EXPECT_EQ(event.token(), id1);
        EXPECT_EQ(event.raw_flags(), row.flags) << describe(event);
        EXPECT_EQ(event.readiness(), row.readiness) << to_string(event);
    }
    // It is reported once.
    scene.loop.expect_none();
}
