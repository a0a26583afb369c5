// Golden table of epoll events: the flags that epoll reports for each state of a source, and the predicates derived
// from them.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "posix.hpp"
#include "tcp.hpp"

#include "golden.hpp"

using namespace test;

namespace {

constexpr Token token{0xfedc'ba98'7654'3210};

// A source and the sockets that bring it into its state.
struct Stage {
    Loop loop;
    std::optional<TcpStream> stream;
    std::optional<TcpListener> listener;
    std::optional<TcpSocket> socket;
    std::optional<plain::Socket> handle; // watched through a RawSource
    std::optional<mio::RawSource> raw;
    std::optional<mio::Waker> waker;
    std::optional<plain::Socket> peer;
    std::optional<plain::Socket> other;

    // Applies `f` to the source of this stage.
    template <class F> mio::Result<> with_source(F f) {
        if (stream) return f(*stream);
        if (listener) return f(*listener);
        if (socket) return f(*socket);
        return f(*raw);
    }
};

using Step = void (*)(Stage&);

// Initial states.

void connected(Stage& stage) {
    auto pair = plain_pair();
    stage.stream = std::move(pair.stream);
    stage.peer = std::move(pair.peer);
}

void refused(Stage& stage) {
    auto port = refusing_port();
    stage.other = std::move(port.holder);
    stage.stream = refused_stream(port);
}

void never_connected(Stage& stage) { stage.socket = must(TcpSocket::v4()); }

void still_connecting(Stage& stage) {
    auto full = full_listener();
    stage.stream = must(TcpStream::connect(full.address));
    stage.other = std::move(full.listener);
    stage.peer = plain::Socket(full.first.release());
}

void listening(Stage& stage) { stage.listener = must(TcpListener::bind(local_v4())); }

void listening_with_a_connection(Stage& stage) {
    listening(stage);
    stage.peer = plain::connect(must(stage.listener->local_address()));
}

void watch(Stage& stage, plain::Socket socket) {
    socket.set_non_blocking();
    stage.handle = std::move(socket);
    stage.raw.emplace(stage.handle->fd());
}

void pipe_sender(Stage& stage) {
    auto [receiver, sender] = plain::pipe();
    watch(stage, std::move(sender));
    stage.peer = std::move(receiver);
}

void full_pipe_sender(Stage& stage) {
    pipe_sender(stage);
    const std::array<char, 4096> block{};
    ssize_t total = 0;
    for (ssize_t size = 0; size != -1; total += size)
        size = ::write(stage.handle->fd(), block.data(), block.size());
    EXPECT_GE(total, 4096);
}

void pipe_receiver(Stage& stage) {
    auto [receiver, sender] = plain::pipe();
    watch(stage, std::move(receiver));
    stage.peer = std::move(sender);
}

void unix_pair(Stage& stage, int type) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
    watch(stage, plain::Socket(ends[0]));
    stage.peer = plain::Socket(ends[1]);
}
void unix_stream(Stage& stage) { unix_pair(stage, SOCK_STREAM); }
void unix_datagram(Stage& stage) { unix_pair(stage, SOCK_DGRAM); }

// A UDP socket at 127.0.0.1 and its address.
std::pair<plain::Socket, ::sockaddr_in> udp_socket() {
    plain::Socket socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ::sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::socklen_t length = sizeof address;
    EXPECT_EQ(::bind(socket.fd(), reinterpret_cast<::sockaddr*>(&address), length), 0);
    EXPECT_EQ(::getsockname(socket.fd(), reinterpret_cast<::sockaddr*>(&address), &length), 0);
    return {std::move(socket), address};
}

void udp(Stage& stage) { watch(stage, udp_socket().first); }

void udp_connected_to_refusing_port(Stage& stage) {
    auto socket = udp_socket().first;
    // The port is taken by a socket connected to itself: datagrams from others are refused.
    auto [deaf, address] = udp_socket();
    EXPECT_EQ(::connect(deaf.fd(), reinterpret_cast<::sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::connect(socket.fd(), reinterpret_cast<::sockaddr*>(&address), sizeof address), 0);
    stage.other = std::move(deaf);
    watch(stage, std::move(socket));
}

void waker(Stage& stage) { stage.waker = must(mio::Waker::create(stage.loop.registry(), token)); }

// Steps that follow.

void data_comes(Stage& stage) { ASSERT_EQ(::write(stage.peer->fd(), "data", 4), 4); }
void urgent_byte_comes(Stage& stage) { plain::send_urgent(*stage.peer, '!'); }
void peer_shuts_down_writing(Stage& stage) { ASSERT_EQ(::shutdown(stage.peer->fd(), SHUT_WR), 0); }
void peer_closes(Stage& stage) { stage.peer->close(); }
void peer_resets(Stage& stage) {
    set_linger_zero(stage.peer->fd());
    stage.peer->close();
}
void peer_closes_with_our_data_unread(Stage& stage) {
    ASSERT_EQ(must(stage.stream->write(bytes_of("unread"))), 6u);
    plain::await_readable(*stage.peer);
    stage.peer->close();
}
void data_comes_and_peer_closes(Stage& stage) {
    data_comes(stage);
    stage.peer->close();
}
int watched(const Stage& stage) { return stage.stream ? stage.stream->raw() : stage.handle->fd(); }
void shut_down_reading(Stage& stage) { ASSERT_EQ(::shutdown(watched(stage), SHUT_RD), 0); }
void shut_down_writing(Stage& stage) { ASSERT_EQ(::shutdown(watched(stage), SHUT_WR), 0); }
void shut_down_both(Stage& stage) { ASSERT_EQ(::shutdown(watched(stage), SHUT_RDWR), 0); }
void shut_down_reading_then_writing(Stage& stage) {
    shut_down_reading(stage);
    shut_down_writing(stage);
}
void client_connects(Stage& stage) { stage.peer = plain::connect(must(stage.listener->local_address())); }
void datagram_is_refused(Stage& stage) { ASSERT_EQ(::send(stage.handle->fd(), "?", 1, 0), 1); }
void waker_wakes(Stage& stage) { must(stage.waker->wake()); }

// The table.

constexpr Interest r = Interest::readable;
constexpr Interest w = Interest::writable;
constexpr Interest rw = r | w;
constexpr Interest rwp = rw | Interest::priority;

struct Row {
    const char* situation;
    Step begin;
    Step then; // null: no further step
    Interest interest;
    const char* step; // in the golden table
    GoldenEvent golden = golden_epoll_event(step);
};

const Row rows[] = {
    {"TcpConnectedAndIdle", connected, nullptr, rwp, "tcp-connected-idle: registered"},
    {"TcpPeerSendsData", connected, data_comes, rwp, "tcp-peer-sends-data: data arrived"},
    {"TcpPeerShutsDownWriting", connected, peer_shuts_down_writing, rwp,
     "tcp-peer-half-close: peer shut down writing"},
    {"TcpPeerClosesWithNothingUnread", connected, peer_closes, rwp, "tcp-peer-close: peer closed"},
    {"TcpPeerSendsDataAndCloses", connected, data_comes_and_peer_closes, rwp,
     "tcp-peer-sends-and-closes: peer sent and closed"},
    {"TcpPeerResets", connected, peer_resets, rwp, "tcp-peer-reset: peer reset"},
    {"TcpPeerClosesWithOurDataUnread", connected, peer_closes_with_our_data_unread, rwp,
     "tcp-peer-close-unread: peer closed"},
    {"TcpLocalShutdownOfReading", connected, shut_down_reading, rwp,
     "tcp-local-shutdown-read: shut down reading"},
    {"TcpLocalShutdownOfWriting", connected, shut_down_writing, rwp,
     "tcp-local-shutdown-write: shut down writing"},
    {"TcpLocalShutdownOfBoth", connected, shut_down_both, rwp, "tcp-local-shutdown-both: shut down both"},
    {"TcpPeerSendsAnUrgentByte", connected, urgent_byte_comes, rwp, "tcp-urgent-data: urgent byte arrived"},
    {"TcpPeerSendsAnUrgentByteWithoutPriorityInterest", connected, urgent_byte_comes, rw,
     "tcp-urgent-data-without-interest: urgent byte arrived"},
    {"TcpPeerSendsDataToAReader", connected, data_comes, r, "trigger-edge-no-repeat: data arrived"},
    {"TcpPeerClosesOnAReader", connected, peer_closes, r, "trigger-edge-end: peer closed"},
    {"TcpPeerClosesOnAWriter", connected, peer_closes, w, "tcp-peer-close-writer: peer closed"},
    {"TcpConnectedAndIdleForAReader", connected, nullptr, r, "tcp-connected-idle-reader: registered"},
    {"TcpStillConnecting", still_connecting, nullptr, rwp, "tcp-still-connecting: registered"},
    {"TcpConnectRefused", refused, nullptr, rw, "tcp-connect-refused-read-write: refused"},
    {"TcpConnectRefusedForAWriter", refused, nullptr, w, "tcp-connect-refused-write: refused"},
    {"TcpConnectRefusedForAReader", refused, nullptr, r, "tcp-connect-refused-read: refused"},
    {"TcpNeverConnected", never_connected, nullptr, rwp, "tcp-never-connected: registered"},
    {"PipeFreshSender", pipe_sender, nullptr, w, "pipe-sender-fresh: registered"},
    {"PipeDataArrived", pipe_receiver, data_comes, r, "pipe-data: data arrived"},
    {"PipeSenderClosedWithDataLeft", pipe_receiver, data_comes_and_peer_closes, r,
     "pipe-sender-closed-data-left: sender closed"},
    {"PipeSenderClosedWhenEmpty", pipe_receiver, peer_closes, r, "pipe-sender-closed: sender closed"},
    {"PipeReceiverClosedWithSpaceLeft", pipe_sender, peer_closes, w, "pipe-receiver-closed: receiver closed"},
    {"PipeReceiverClosedWhenFull", full_pipe_sender, peer_closes, w,
     "pipe-receiver-closed-full: receiver closed"},
    {"UnixStreamIdle", unix_stream, nullptr, rw, "unix-stream-idle: registered"},
    {"UnixStreamLocalShutdownOfReading", unix_stream, shut_down_reading, rw,
     "unix-stream-local-shutdown-read: shut down reading"},
    {"UnixStreamLocalShutdownOfWriting", unix_stream, shut_down_writing, rw,
     "unix-stream-local-shutdown-write: shut down writing"},
    {"UnixStreamLocalShutdownOfBoth", unix_stream, shut_down_both, rw,
     "unix-stream-local-shutdown-both: shut down both"},
    {"UnixStreamPeerCloses", unix_stream, peer_closes, rw, "unix-stream-peer-close: peer closed"},
    {"UnixStreamPeerShutsDownWriting", unix_stream, peer_shuts_down_writing, rw,
     "unix-stream-peer-shutdown-write: peer shut down writing"},
    {"UnixDatagramLocalShutdownOfReading", unix_datagram, shut_down_reading, rw,
     "unix-datagram-local-shutdown: shut down reading"},
    {"UnixDatagramLocalShutdownOfReadingThenWriting", unix_datagram, shut_down_reading_then_writing, rw,
     "unix-datagram-local-shutdown: shut down writing too"},
    {"UdpFresh", udp, nullptr, rw, "udp-fresh: registered"},
    {"UdpRefused", udp_connected_to_refusing_port, datagram_is_refused, rw, "udp-refused: refused"},
    {"ListenerIdle", listening, nullptr, rw, "listener-idle: no connection"},
    {"ListenerWithConnection", listening, client_connects, rw, "listener-pending: connection pending"},
    {"ListenerWithConnectionBeforehand", listening_with_a_connection, nullptr, rw,
     "listener-pending: connection pending"},
    {"WakerAsleep", waker, nullptr, r, "waker-once: not woken"},
    {"WakerWoken", waker, waker_wakes, r, "waker-once: woken"},
};

std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.situation; }

std::string flags_text(std::uint32_t flags) {
    return mio::describe(mio::Event(token, Readiness::none, flags));
}

class Golden : public testing::TestWithParam<Row> {
  protected:
    void SetUp() override {
        if (mio::backend() != "epoll") GTEST_SKIP() << "tests epoll flags";
    }

    // Polls until the row's flags are reported. Subsets may be reported before.
    void expect_flags_of_row(Stage& stage) {
        const Row& row = GetParam();
        std::string seen;
        const auto deadline = std::chrono::steady_clock::now() + generous_margin;
        while (std::chrono::steady_clock::now() < deadline) {
            ASSERT_TRUE(ok(stage.loop.poll.poll(stage.loop.events, 1s)));
            for (const auto& event : stage.loop.events) {
                seen += "\n  " + mio::describe(event);
                ASSERT_EQ(event.token(), token);
                ASSERT_EQ(event.raw_flags() & ~row.golden.flags, 0u) << "unexpected flags:" << seen;
                if (event.raw_flags() != row.golden.flags) continue;
                EXPECT_EQ(to_string(event), to_string(mio::Event(token, row.golden.readiness, 0)));
                EXPECT_EQ(event.readiness(), row.golden.readiness);
                return;
            }
        }
        FAIL() << flags_text(row.golden.flags) << " were not reported, but:" << seen;
    }
};

TEST_P(Golden, MatchesEpoll) {
    const Row& row = GetParam();
    Stage stage;
    ASSERT_NO_FATAL_FAILURE(row.begin(stage));
    if (!stage.waker) {
        ASSERT_TRUE(ok(stage.with_source(
            [&](auto& source) { return stage.loop.registry().add(source, token, row.interest); })));
    }
    if (row.then != nullptr) {
        // Report the initial state first, so that the next event is caused by the step.
        ASSERT_TRUE(ok(stage.loop.poll.poll(stage.loop.events, 0ns)));
        ASSERT_NO_FATAL_FAILURE(row.then(stage));
    }
    if (row.golden.flags == 0) return stage.loop.expect_none();
    ASSERT_NO_FATAL_FAILURE(expect_flags_of_row(stage));

    // modify reports the same flags again: the state has settled.
    if (stage.waker) return;
    ASSERT_TRUE(ok(stage.loop.poll.poll(stage.loop.events, 0ns)));
    ASSERT_TRUE(ok(stage.with_source(
        [&](auto& source) { return stage.loop.registry().modify(source, token, row.interest); })));
    ASSERT_TRUE(ok(stage.loop.poll.poll(stage.loop.events, generous_margin)));
    ASSERT_EQ(stage.loop.events.size(), 1u);
    EXPECT_EQ(flags_text(stage.loop.events[0].raw_flags()), flags_text(row.golden.flags));
    EXPECT_EQ(stage.loop.events[0].raw_flags(), row.golden.flags);
    EXPECT_EQ(stage.loop.events[0].readiness(), row.golden.readiness);
}

// The trigger does not change the flags.
TEST_P(Golden, LevelAndOneshotReportTheSameFlags) {
    const Row& row = GetParam();
    for (const auto trigger : {mio::Trigger::level, mio::Trigger::oneshot}) {
        Stage stage;
        ASSERT_NO_FATAL_FAILURE(row.begin(stage));
        if (stage.waker) return;
        if (row.then != nullptr) {
            ASSERT_NO_FATAL_FAILURE(row.then(stage));
        }
        if (row.golden.flags == 0) {
            ASSERT_TRUE(ok(stage.with_source([&](auto& source) {
                return stage.loop.registry().add(source, token, row.interest, trigger);
            })));
            stage.loop.expect_none();
            continue;
        }
        // The effects of the step may arrive late, so watch edge-triggered until they have.
        ASSERT_TRUE(ok(stage.with_source(
            [&](auto& source) { return stage.loop.registry().add(source, token, row.interest); })));
        ASSERT_NO_FATAL_FAILURE(expect_flags_of_row(stage));
        ASSERT_TRUE(ok(stage.with_source([&](auto& source) {
            return stage.loop.registry().modify(source, token, row.interest, trigger);
        })));
        const int reports = trigger == mio::Trigger::level ? 3 : 1;
        for (int round = 0; round < reports; ++round) {
            ASSERT_TRUE(ok(stage.loop.poll.poll(stage.loop.events, generous_margin)));
            ASSERT_EQ(stage.loop.events.size(), 1u);
            EXPECT_EQ(flags_text(stage.loop.events[0].raw_flags()), flags_text(row.golden.flags));
            EXPECT_EQ(stage.loop.events[0].readiness(), row.golden.readiness);
        }
        if (trigger == mio::Trigger::oneshot) stage.loop.expect_none();
    }
}

INSTANTIATE_TEST_SUITE_P(Epoll, Golden, testing::ValuesIn(rows),
                         [](const auto& row) { return std::string(row.param.situation); });

} // namespace
