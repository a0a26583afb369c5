// Golden table: epoll's events of TCP and UDP sockets.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <utility>

#include "posix.hpp"
#include "tcp.hpp"

#include "golden.hpp"

using namespace test;

namespace {

// A source and the sockets that bring it into its state.
struct Stage {
    Loop loop;
    std::optional<TcpStream> stream;
    std::optional<TcpListener> listener;
    std::optional<TcpSocket> socket;
    std::optional<plain::Socket> handle; // watched through a RawSource
    std::optional<mio::RawSource> raw;
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
void shut_down_reading(Stage& stage) { ASSERT_EQ(::shutdown(stage.stream->raw(), SHUT_RD), 0); }
void shut_down_writing(Stage& stage) { ASSERT_EQ(::shutdown(stage.stream->raw(), SHUT_WR), 0); }
void shut_down_both(Stage& stage) { ASSERT_EQ(::shutdown(stage.stream->raw(), SHUT_RDWR), 0); }
void client_connects(Stage& stage) { stage.peer = plain::connect(must(stage.listener->local_address())); }
void datagram_is_refused(Stage& stage) { ASSERT_EQ(::send(stage.handle->fd(), "?", 1, 0), 1); }

constexpr Interest r = Interest::readable;
constexpr Interest w = Interest::writable;
constexpr Interest rw = r | w;
constexpr Interest rwp = rw | Interest::priority;

const GoldenRow<Stage> rows[] = {
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
    {"UdpFresh", udp, nullptr, rw, "udp-fresh: registered"},
    {"UdpRefused", udp_connected_to_refusing_port, datagram_is_refused, rw, "udp-refused: refused"},
    {"ListenerIdle", listening, nullptr, rw, "listener-idle: no connection"},
    {"ListenerWithConnection", listening, client_connects, rw, "listener-pending: connection pending"},
    {"ListenerWithConnectionBeforehand", listening_with_a_connection, nullptr, rw,
     "listener-pending: connection pending"},
};

class Golden : public GoldenTest<Stage> {};

TEST_P(Golden, EdgesMatchEpoll) { expect_golden_edges(GetParam()); }
TEST_P(Golden, LevelAndOneshotReportTheSameFlags) { expect_golden_flags_of_level_and_oneshot(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Epoll, Golden, testing::ValuesIn(rows), golden_name);

} // namespace
