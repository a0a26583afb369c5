module;

#include <span>
#include <string_view>

module probe.events.scenario;

import mio;
import probe.events.stage;
import probe.events.tcp_pair;
import probe.failure;
import probe.os;

namespace probe {
namespace {

using mio::Interest;
using mio::net::TcpListener;
using mio::net::TcpStream;

TcpListener watched_listener(Stage& stage) {
    auto listener = listen_on_loopback();
    must(stage.registry().add(listener, only, Interest::readable), "Registry::add");
    return listener;
}

TcpStream connect_to(const TcpListener& listener) {
    return must(TcpStream::connect(must(listener.local_address(), "getsockname")), "connect");
}

void idle(Stage& stage) {
    const auto listener = watched_listener(stage);
    stage.observe_silence("nobody connects");
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
    must(listener.accept(), "accept");
    stage.observe_silence("one of them accepted");
}

constexpr Scenario list[] = {
    {"listener-idle", "a listener to which nobody connects", idle},
    {"listener-pending", "a connection waits to be accepted", pending},
    {"listener-second-pending", "another one waits while the first still does", second_pending},
    {"listener-left-pending", "one of two is accepted: no edge tells of the other", left_pending},
};

} // namespace

std::span<const Scenario> listener_scenarios() { return list; }

} // namespace probe
