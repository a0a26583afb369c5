// What epoll reports of each situation that a source can be in, flag by flag, and what is concluded from it.
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
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

using namespace test;

namespace {

constexpr Token token{0xfedc'ba98'7654'3210};

// A source, and whatever brings it into its situation.
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

// Situations to begin with.

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

// A UDP socket at 127.0.0.1, and its address.
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

void udp_connected_to_nobody(Stage& stage) {
    auto socket = udp_socket().first;
    // A port that is taken by somebody who hears only himself: what others send there is refused.
    auto [deaf, address] = udp_socket();
    EXPECT_EQ(::connect(deaf.fd(), reinterpret_cast<::sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::connect(socket.fd(), reinterpret_cast<::sockaddr*>(&address), sizeof address), 0);
    stage.other = std::move(deaf);
    watch(stage, std::move(socket));
}

void waker(Stage& stage) { stage.waker = must(mio::Waker::create(stage.loop.registry(), token)); }

// What happens then.

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
void somebody_connects(Stage& stage) { stage.peer = plain::connect(must(stage.listener->local_address())); }
void datagram_is_refused(Stage& stage) { ASSERT_EQ(::send(stage.handle->fd(), "?", 1, 0), 1); }
void somebody_wakes(Stage& stage) { must(stage.waker->wake()); }

// The table.

constexpr auto R = Readiness::readable;
constexpr auto W = Readiness::writable;
constexpr auto E = Readiness::error;
constexpr auto RC = Readiness::read_closed;
constexpr auto WC = Readiness::write_closed;
constexpr auto P = Readiness::priority;
constexpr auto nothing = Readiness::none;

constexpr std::uint32_t IN = EPOLLIN;
constexpr std::uint32_t OUT = EPOLLOUT;
constexpr std::uint32_t PRI = EPOLLPRI;
constexpr std::uint32_t ERR = EPOLLERR;
constexpr std::uint32_t HUP = EPOLLHUP;
constexpr std::uint32_t RDHUP = EPOLLRDHUP;

constexpr Interest r = Interest::readable;
constexpr Interest w = Interest::writable;
constexpr Interest rw = r | w;
constexpr Interest rwp = rw | Interest::priority;

struct Row {
    const char* situation;
    Step begin;
    Step then; // null: nothing happens
    Interest interest;
    std::uint32_t flags; // as they are once the situation is reached, 0: nothing is reported
    Readiness readiness;
};

constexpr Row rows[] = {
    {"TcpConnectedAndIdle", connected, nullptr, rwp, OUT, W},
    {"TcpPeerSendsData", connected, data_comes, rwp, IN | OUT, R | W},
    {"TcpPeerShutsDownWriting", connected, peer_shuts_down_writing, rwp, IN | OUT | RDHUP, R | W | RC},
    {"TcpPeerClosesWithNothingUnread", connected, peer_closes, rwp, IN | OUT | RDHUP, R | W | RC},
    {"TcpPeerSendsDataAndCloses", connected, data_comes_and_peer_closes, rwp, IN | OUT | RDHUP, R | W | RC},
    {"TcpPeerResets", connected, peer_resets, rwp, IN | OUT | ERR | HUP | RDHUP, R | W | E | RC | WC},
    {"TcpPeerClosesWithOurDataUnread", connected, peer_closes_with_our_data_unread, rwp,
     IN | OUT | ERR | HUP | RDHUP, R | W | E | RC | WC},
    {"TcpLocalShutdownOfReading", connected, shut_down_reading, rwp, IN | OUT | RDHUP, R | W | RC},
    {"TcpLocalShutdownOfWriting", connected, shut_down_writing, rwp, OUT, W},
    {"TcpLocalShutdownOfBoth", connected, shut_down_both, rwp, IN | OUT | HUP | RDHUP, R | W | RC | WC},
    {"TcpPeerSendsAnUrgentByte", connected, urgent_byte_comes, rwp, PRI | OUT, R | W | P},
    {"TcpPeerSendsAnUrgentByteNobodyAskedFor", connected, urgent_byte_comes, rw, OUT, W},
    {"TcpPeerSendsDataToAReader", connected, data_comes, r, IN, R},
    {"TcpPeerClosesOnAReader", connected, peer_closes, r, IN | RDHUP, R | RC},
    {"TcpPeerClosesOnAWriter", connected, peer_closes, w, OUT, W},
    {"TcpConnectedAndIdleForAReader", connected, nullptr, r, 0, nothing},
    {"TcpStillConnecting", still_connecting, nullptr, rwp, 0, nothing},
    {"TcpConnectRefused", refused, nullptr, rw, IN | OUT | ERR | HUP | RDHUP, R | W | E | RC | WC},
    {"TcpConnectRefusedForAWriter", refused, nullptr, w, OUT | ERR | HUP, R | W | E | RC | WC},
    {"TcpConnectRefusedForAReader", refused, nullptr, r, IN | ERR | HUP | RDHUP, R | W | E | RC | WC},
    {"TcpNeverConnected", never_connected, nullptr, rwp, OUT | HUP, R | W | RC | WC},
    {"PipeFreshSender", pipe_sender, nullptr, w, OUT, W},
    {"PipeDataArrived", pipe_receiver, data_comes, r, IN, R},
    {"PipeSenderClosedWithDataLeft", pipe_receiver, data_comes_and_peer_closes, r, IN | HUP, R | W | RC | WC},
    {"PipeSenderClosedWhenEmpty", pipe_receiver, peer_closes, r, HUP, R | W | RC | WC},
    {"PipeReceiverClosedWithRoomLeft", pipe_sender, peer_closes, w, OUT | ERR, R | W | E | WC},
    {"PipeReceiverClosedWhenFull", full_pipe_sender, peer_closes, w, ERR, R | W | E | WC},
    {"UnixStreamIdle", unix_stream, nullptr, rw, OUT, W},
    {"UnixStreamLocalShutdownOfReading", unix_stream, shut_down_reading, rw, IN | OUT | RDHUP, R | W | RC},
    {"UnixStreamLocalShutdownOfWriting", unix_stream, shut_down_writing, rw, OUT, W},
    {"UnixStreamLocalShutdownOfBoth", unix_stream, shut_down_both, rw, IN | OUT | HUP | RDHUP,
     R | W | RC | WC},
    {"UnixStreamPeerCloses", unix_stream, peer_closes, rw, IN | OUT | HUP | RDHUP, R | W | RC | WC},
    {"UnixStreamPeerShutsDownWriting", unix_stream, peer_shuts_down_writing, rw, IN | OUT | RDHUP,
     R | W | RC},
    {"UnixDatagramLocalShutdownOfReading", unix_datagram, shut_down_reading, rw, IN | OUT | RDHUP,
     R | W | RC},
    {"UnixDatagramLocalShutdownOfReadingThenWriting", unix_datagram, shut_down_reading_then_writing, rw,
     IN | OUT | HUP | RDHUP, R | W | RC | WC},
    {"UdpFresh", udp, nullptr, rw, OUT, W},
    {"UdpRefused", udp_connected_to_nobody, datagram_is_refused, rw, OUT | ERR, R | W | E | WC},
    {"ListenerIdle", listening, nullptr, rw, 0, nothing},
    {"ListenerWithConnection", listening, somebody_connects, rw, IN, R},
    {"ListenerWithConnectionBeforehand", listening_with_a_connection, nullptr, rw, IN, R},
    {"WakerAsleep", waker, nullptr, r, 0, nothing},
    {"WakerWoken", waker, somebody_wakes, r, IN, R},
};

std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.situation; }

std::string flags_text(std::uint32_t flags) {
    return mio::describe(mio::Event(token, Readiness::none, flags));
}

class Golden : public testing::TestWithParam<Row> {
  protected:
    void SetUp() override {
        if (mio::backend() != "epoll") GTEST_SKIP() << "these are epoll's flags";
    }

    // Polls until the flags are those of the row. On the way there only some of them may be reported.
    void expect_the_rows_flags(Stage& stage) {
        const Row& row = GetParam();
        std::string seen;
        const auto deadline = std::chrono::steady_clock::now() + generous_margin;
        while (std::chrono::steady_clock::now() < deadline) {
            ASSERT_TRUE(ok(stage.loop.poll.poll(stage.loop.events, 1s)));
            for (const auto& event : stage.loop.events) {
                seen += "\n  " + mio::describe(event);
                ASSERT_EQ(event.token(), token);
                ASSERT_EQ(event.raw_flags() & ~row.flags, 0u) << "too much was reported:" << seen;
                if (event.raw_flags() != row.flags) continue;
                EXPECT_EQ(to_string(event), to_string(mio::Event(token, row.readiness, 0)));
                EXPECT_EQ(event.readiness(), row.readiness);
                return;
            }
        }
        FAIL() << flags_text(row.flags) << " did not come, but:" << seen;
    }
};

TEST_P(Golden, IsWhatEpollReports) {
    const Row& row = GetParam();
    Stage stage;
    ASSERT_NO_FATAL_FAILURE(row.begin(stage));
    if (!stage.waker) {
        ASSERT_TRUE(ok(stage.with_source(
            [&](auto& source) { return stage.loop.registry().add(source, token, row.interest); })));
    }
    if (row.then != nullptr) {
        // First what holds already, so that what is reported next is the consequence of what happens now.
        ASSERT_TRUE(ok(stage.loop.poll.poll(stage.loop.events, 0ns)));
        ASSERT_NO_FATAL_FAILURE(row.then(stage));
    }
    if (row.flags == 0) return stage.loop.expect_none();
    ASSERT_NO_FATAL_FAILURE(expect_the_rows_flags(stage));

    // Asked anew, the kernel says the same: this is where the situation has settled.
    if (stage.waker) return;
    ASSERT_TRUE(ok(stage.loop.poll.poll(stage.loop.events, 0ns)));
    ASSERT_TRUE(ok(stage.with_source(
        [&](auto& source) { return stage.loop.registry().modify(source, token, row.interest); })));
    ASSERT_TRUE(ok(stage.loop.poll.poll(stage.loop.events, generous_margin)));
    ASSERT_EQ(stage.loop.events.size(), 1u);
    EXPECT_EQ(flags_text(stage.loop.events[0].raw_flags()), flags_text(row.flags));
    EXPECT_EQ(stage.loop.events[0].raw_flags(), row.flags);
    EXPECT_EQ(stage.loop.events[0].readiness(), row.readiness);
}

// Triggers are how, not what: the flags are the same.
TEST_P(Golden, IsTheSameByLevelAndOnce) {
    const Row& row = GetParam();
    for (const auto trigger : {mio::Trigger::level, mio::Trigger::oneshot}) {
        Stage stage;
        ASSERT_NO_FATAL_FAILURE(row.begin(stage));
        if (stage.waker) return;
        if (row.then != nullptr) {
            ASSERT_NO_FATAL_FAILURE(row.then(stage));
        }
        if (row.flags == 0) {
            ASSERT_TRUE(ok(stage.with_source([&](auto& source) {
                return stage.loop.registry().add(source, token, row.interest, trigger);
            })));
            stage.loop.expect_none();
            continue;
        }
        // What happened takes a moment to arrive, so watch with edges until it has.
        ASSERT_TRUE(ok(stage.with_source(
            [&](auto& source) { return stage.loop.registry().add(source, token, row.interest); })));
        ASSERT_NO_FATAL_FAILURE(expect_the_rows_flags(stage));
        ASSERT_TRUE(ok(stage.with_source([&](auto& source) {
            return stage.loop.registry().modify(source, token, row.interest, trigger);
        })));
        const int reports = trigger == mio::Trigger::level ? 3 : 1;
        for (int round = 0; round < reports; ++round) {
            ASSERT_TRUE(ok(stage.loop.poll.poll(stage.loop.events, generous_margin)));
            ASSERT_EQ(stage.loop.events.size(), 1u);
            EXPECT_EQ(flags_text(stage.loop.events[0].raw_flags()), flags_text(row.flags));
            EXPECT_EQ(stage.loop.events[0].readiness(), row.readiness);
        }
        if (trigger == mio::Trigger::oneshot) stage.loop.expect_none();
    }
}

INSTANTIATE_TEST_SUITE_P(Epoll, Golden, testing::ValuesIn(rows),
                         [](const auto& row) { return std::string(row.param.situation); });

} // namespace
