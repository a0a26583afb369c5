module;

#include <span>
#include <utility>

module probe.events.scenario;

import mio;
import probe.events.sources;
import probe.events.stage;
import probe.events.triggers;
import probe.os;

namespace probe {
namespace {

using mio::Interest;
using mio::Trigger;

void no_repeat(Stage& stage) {
    const auto pair = readable_pair(stage, Trigger::edge);
    send_and_await(pair, "data");
    stage.observe("data arrived");
    stage.observe_silence("left unread");
}

void drained(Stage& stage) {
    const auto pair = readable_pair(stage, Trigger::edge);
    send_and_await(pair, "data");
    stage.observe("data arrived");
    read_everything(pair.local);
    stage.observe_silence("all of it read");
    send(pair.peer, "more");
    stage.observe("more arrived");
}

void partial_read(Stage& stage) {
    const auto pair = readable_pair(stage, Trigger::edge);
    send_and_await(pair, "data");
    stage.observe("data arrived");
    read_some(pair.local, 2);
    stage.observe_silence("half of it read");
    send(pair.peer, "more");
    stage.observe("more arrived");
}

void partial_read_modify(Stage& stage) {
    auto pair = readable_pair(stage, Trigger::edge);
    send_and_await(pair, "data");
    stage.observe("data arrived");
    read_some(pair.local, 2);
    pair.local.modify({Interest::readable, Trigger::edge});
    stage.observe("half of it read, modified");
}

void held_condition(Stage& stage) {
    auto pair = tcp_pair();
    send(pair.peer, "data");
    await(pair.local, os::State::readable);
    const auto watched = watch(stage, std::move(pair), {Interest::readable, Trigger::edge});
    stage.observe("added after the data");
}

void modify(Stage& stage) {
    auto pair = readable_pair(stage, Trigger::edge);
    send_and_await(pair, "data");
    stage.observe("data arrived");
    pair.local.modify({Interest::readable, Trigger::edge});
    stage.observe("modified, left unread");
}

void writable(Stage& stage) {
    auto pair = watch(stage, tcp_pair(), {Interest::writable, Trigger::edge});
    stage.observe("registered");
    stage.observe_silence("reported already");
    pair.local.modify({Interest::writable, Trigger::edge});
    stage.observe("modified");
}

void full(Stage& stage) {
    const auto pair = watch(stage, tcp_pair(), {Interest::writable, Trigger::edge});
    stage.settle();
    fill(pair.local);
    stage.settle();
    stage.observe_silence("full");
    make_room(pair);
    stage.observe("emptied");
}

void both(Stage& stage) {
    const auto pair = watch(stage, tcp_pair(), {read_write, Trigger::edge});
    stage.observe("registered");
    send_and_await(pair, "data");
    stage.observe("data arrived");
    read_everything(pair.local);
    stage.observe_silence("all of it read");
    send(pair.peer, "more");
    stage.observe("more arrived");
}

void end(Stage& stage) {
    auto pair = readable_pair(stage, Trigger::edge);
    close_and_await(pair);
    stage.observe("peer closed");
    stage.observe_silence("reported already");
    pair.local.modify({Interest::readable, Trigger::edge});
    stage.observe("modified");
}

constexpr Scenario list[] = {
    {"trigger-edge-no-repeat", "edge: what is left unread is not reported again", no_repeat},
    {"trigger-edge-drained", "edge: new data is reported after the old was drained", drained},
    {"trigger-edge-partial-read", "edge: whether new data is reported if the old was not drained",
     partial_read},
    {"trigger-edge-partial-read-modify", "edge: modify reports again what is left unread",
     partial_read_modify},
    {"trigger-edge-held-condition", "edge: what holds when the source is added is reported", held_condition},
    {"trigger-edge-modify", "edge: modify reports again what holds", modify},
    {"trigger-edge-writable", "edge: writable is reported once, and again by modify", writable},
    {"trigger-edge-full", "edge: writable is reported when there is room again", full},
    {"trigger-edge-both", "edge: both directions", both},
    {"trigger-edge-end", "edge: the end of the stream is reported once, and again by modify", end},
};

} // namespace

std::span<const Scenario> edge_scenarios() { return list; }

} // namespace probe
