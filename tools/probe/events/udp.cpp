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

// A socket that is connected to another takes nothing from this one, keeps its port from others, and so refuses.
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
    {"udp-refused", "sending where nobody listens: an ICMP message tells", refused},
};

} // namespace

std::span<const Scenario> udp_scenarios() { return list; }

} // namespace probe
