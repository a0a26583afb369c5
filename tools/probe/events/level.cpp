module;

#include <span>

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

void repeats(Stage& stage) {
    const auto pair = readable_pair(stage, Trigger::level);
    send_and_await(pair, "data");
    stage.look("data arrived");
    stage.look("left unread");
    read_some(pair.local, 2);
    stage.look("half of it read");
    read_everything(pair.local);
    stage.observe_silence("all of it read");
    send(pair.peer, "more");
    stage.look("more arrived");
}

void full(Stage& stage) {
    const auto pair = watch(stage, tcp_pair(), {Interest::writable, Trigger::level});
    stage.look("registered");
    stage.look("still writable");
    fill(pair.local);
    stage.observe_silence("full");
    make_room(pair);
    stage.look("emptied");
    stage.look("still writable again");
}

void both(Stage& stage) {
    const auto pair = watch(stage, tcp_pair(), {read_write, Trigger::level});
    stage.look("registered");
    send_and_await(pair, "data");
    stage.look("data arrived");
    stage.look("left unread");
    read_everything(pair.local);
    stage.look("all of it read");
}

void end(Stage& stage) {
    auto pair = readable_pair(stage, Trigger::level);
    close_and_await(pair);
    stage.look("peer closed");
    stage.look("left unread");
    read_everything(pair.local);
    stage.look("the end read");
}

void modify(Stage& stage) {
    auto pair = readable_pair(stage, Trigger::level);
    send_and_await(pair, "data");
    stage.look("data arrived");
    pair.local.modify({Interest::writable, Trigger::level});
    stage.look("modified to writable");
    pair.local.modify({Interest::readable, Trigger::level});
    stage.look("modified to readable");
}

void from_edge(Stage& stage) {
    auto pair = readable_pair(stage, Trigger::edge);
    send_and_await(pair, "data");
    stage.observe("data arrived");
    pair.local.modify({Interest::readable, Trigger::level});
    stage.look("modified to level");
    stage.look("left unread");
    pair.local.modify({Interest::readable, Trigger::edge});
    stage.observe("modified to edge");
    stage.observe_silence("reported already");
}

constexpr Scenario list[] = {
    {"trigger-level-repeats", "level: reported by every poll until it is drained", repeats},
    {"trigger-level-full", "level: writable is reported by every poll while there is room", full},
    {"trigger-level-both", "level: both directions", both},
    {"trigger-level-end", "level: the end of the stream is reported by every poll", end},
    {"trigger-level-modify", "level: modify replaces the interest", modify},
    {"trigger-level-from-edge", "level: modify from edge, and back", from_edge},
};

} // namespace

std::span<const Scenario> level_scenarios() { return list; }

} // namespace probe
