module;

#include <span>
#include <string>
#include <utility>

module probe.events.scenario;

import mio;
import probe.events.sources;
import probe.events.stage;
import probe.failure;
import probe.os;

namespace probe {
namespace {

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
    if (accept()) throw Refused{"accept", {}, "gave a connection that nobody made"};
    const auto second = connect_to(listener);
    stage.observe("another one after accepting all");
}

constexpr Scenario list[] = {
    {"listener-idle", "a listener to which nobody connects", idle},
    {"listener-pending", "a connection waits to be accepted", pending},
    {"listener-second-pending", "another one waits while the first still does", second_pending},
    {"listener-left-pending", "one of two is accepted: no edge tells of the other", left_pending},
    {"listener-accepted-all", "every connection is accepted, then another one comes", accepted_all},
};

} // namespace

std::span<const Scenario> listener_scenarios() { return list; }

} // namespace probe
