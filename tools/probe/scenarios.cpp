#include "stage.hpp"

namespace probe {

namespace {
namespace tcp {

using mio::Interest;
using mio::net::Shutdown;
using mio::net::TcpStream;

// A connection whose local end is watched, after the event that registering causes.
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
    send(pair.local, "unread data");
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
    {"tcp-connect-refused-read-write", "connecting to a port without a listener, both interests",
     connect_refused_read_write},
    {"tcp-connect-refused-write", "connecting to a port without a listener, writable only",
     connect_refused_write},
    {"tcp-connect-refused-read", "connecting to a port without a listener, readable only",
     connect_refused_read},
    {"tcp-never-connected", "an unconnected socket", never_connected},
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

} // namespace tcp
} // namespace

std::span<const Scenario> tcp_scenarios() { return tcp::list; }

namespace {
namespace listener {

using mio::Interest;
using mio::net::TcpListener;
using mio::net::TcpStream;

Watched<TcpListener> watched_listener(Stage& stage) {
    return stage.watch(listen_on_loopback(), {.interest = Interest::readable});
}

TcpStream connect_to(const Watched<TcpListener>& listener) {
    return must(TcpStream::connect(must(listener->local_address(), "getsockname")), "connect");
}

void idle(Stage& stage) {
    const auto listener = watched_listener(stage);
    stage.observe_silence("no connection");
}

void pending(Stage& stage) {
    const auto listener = watched_listener(stage);
    const auto client = connect_to(listener);
    stage.observe("connection pending");
}

void second_pending(Stage& stage) {
    const auto listener = watched_listener(stage);
    const auto first = connect_to(listener);
    stage.observe("connection pending");
    const auto second = connect_to(listener);
    stage.observe("another one pending");
}

void left_pending(Stage& stage) {
    const auto listener = watched_listener(stage);
    const auto first = connect_to(listener);
    const auto second = connect_to(listener);
    await(listener, os::State::readable);
    stage.observe("two connections pending");
    must(listener->accept(), "accept");
    stage.observe_silence("one of them accepted");
}

void accepted_all(Stage& stage) {
    const auto listener = watched_listener(stage);
    const auto first = connect_to(listener);
    stage.observe("connection pending");
    const auto accept = [&] {
        return listener.attempt(Interest::readable, [](const TcpListener& l) { return l.accept(); });
    };
    const auto accepted = must(accept(), "accept");
    if (accept()) throw Refused{"accept", {}, "returned an unexpected connection"};
    const auto second = connect_to(listener);
    stage.observe("another one after accepting all");
}

constexpr Scenario list[] = {
    {"listener-idle", "a listener without connections", idle},
    {"listener-pending", "a connection waits to be accepted", pending},
    {"listener-second-pending", "another one waits while the first still does", second_pending},
    {"listener-left-pending", "one of two is accepted: no edge reports the other", left_pending},
    {"listener-accepted-all", "every connection is accepted, then another one comes", accepted_all},
};

} // namespace listener
} // namespace

std::span<const Scenario> listener_scenarios() { return listener::list; }

namespace {
namespace udp {

using mio::net::UdpSocket;

UdpSocket bound() { return must(UdpSocket::bind(loopback()), "bind"); }

void connect(const UdpSocket& socket, const UdpSocket& peer) {
    must(socket.connect(must(peer.local_address(), "getsockname")), "connect");
}

Pair<UdpSocket> udp_pair() {
    Pair<UdpSocket> pair{bound(), bound()};
    connect(pair.local, pair.peer);
    connect(pair.peer, pair.local);
    return pair;
}

void fresh(Stage& stage) {
    const auto socket = stage.watch(bound(), {.interest = read_write});
    stage.observe("registered");
}

void data(Stage& stage) {
    const auto pair = watch_settled(stage, udp_pair(), {.interest = read_write});
    send(pair.peer, "data");
    await(pair.local, os::State::readable);
    stage.observe("datagram arrived");
}

void second_datagram(Stage& stage) {
    const auto pair = watch_settled(stage, udp_pair(), {.interest = mio::Interest::readable});
    send(pair.peer, "one");
    await(pair.local, os::State::readable);
    stage.observe("datagram arrived");
    stage.observe_silence("left unread");
    send(pair.peer, "two");
    stage.observe("another one arrived");
}

// A socket that is connected to another one occupies its port and accepts nothing from this one: it refuses.
void refused(Stage& stage) {
    const auto refusing = bound();
    connect(refusing, refusing);
    auto socket = bound();
    connect(socket, refusing);
    const auto watched = stage.watch(std::move(socket), {.interest = read_write});
    stage.settle();
    send(watched, "data");
    await(watched, os::State::failed);
    stage.observe("refused");
}

constexpr Scenario list[] = {
    {"udp-fresh", "a bound socket on which nothing happens", fresh},
    {"udp-data", "a datagram arrives", data},
    {"udp-second-datagram", "another one arrives while the first is left unread", second_datagram},
    {"udp-refused", "sending to a closed port: an ICMP message refuses", refused},
};

} // namespace udp
} // namespace

std::span<const Scenario> udp_scenarios() { return udp::list; }

namespace {
namespace waker {

void woken_once(Stage& stage) {
    const auto waker = stage.make_waker();
    stage.observe_silence("not woken");
    must(waker->wake(), "Waker::wake");
    stage.observe("woken");
    stage.observe_silence("reported already");
}

void coalesced(Stage& stage) {
    const auto waker = stage.make_waker();
    for (int i = 0; i < 1000; ++i) must(waker->wake(), "Waker::wake");
    stage.observe("woken 1000 times");
    must(waker->wake(), "Waker::wake");
    stage.observe("woken again");
}

void two(Stage& stage) {
    constexpr mio::Token first{1};
    constexpr mio::Token second{2};
    const auto one = stage.make_waker(first);
    const auto other = stage.make_waker(second);
    must(one->wake(), "Waker::wake");
    must(other->wake(), "Waker::wake");
    stage.observe({{first, "first one woken"}, {second, "second one woken"}});
    must(other->wake(), "Waker::wake");
    stage.observe({{second, "second one woken again"}});
}

void from_thread(Stage& stage) {
    const auto waker = stage.make_waker();
    mio::Result<> woken;
    std::thread thread([&] { woken = waker->wake(); });
    stage.observe("woken by another thread");
    thread.join();
    must(woken, "Waker::wake");
}

constexpr Scenario list[] = {
    {"waker-once", "a waker is woken once", woken_once},
    {"waker-coalesced", "wakes between two polls are one event", coalesced},
    {"waker-two", "two wakers, each with its token", two},
    {"waker-thread", "another thread wakes", from_thread},
};

} // namespace waker
} // namespace

std::span<const Scenario> waker_scenarios() { return waker::list; }

std::vector<Scenario> scenarios() {
    std::vector<Scenario> all;
    for (const auto part : {tcp_scenarios(), listener_scenarios(), udp_scenarios(), unix_scenarios(),
                            pipe_scenarios(), waker_scenarios(), edge_scenarios(), level_scenarios(),
                            oneshot_scenarios(), registration_scenarios()}) {
        all.insert(all.end(), part.begin(), part.end());
    }
    return all;
}

} // namespace probe
