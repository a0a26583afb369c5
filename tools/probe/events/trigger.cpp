module;

#include <span>
#include <string_view>
#include <utility>

module probe.events.scenario;

import mio;
import probe.events.stage;
import probe.events.tcp_pair;
import probe.failure;
import probe.os;

namespace probe {
namespace {

using mio::Interest;
using mio::Trigger;

// A connection that is watched for being readable, and nothing else: what is writable would repeat all the time.
TcpPair readable_pair(Stage& stage, Trigger trigger) {
    auto pair = connected_pair();
    must(stage.registry().add(pair.local, only, Interest::readable, trigger), "Registry::add");
    return pair;
}

void send_and_await(const TcpPair& pair, std::string_view text) {
    send(pair.peer, text);
    await(pair.local, os::State::readable);
}

void edge_no_repeat(Stage& stage) {
    const auto pair = readable_pair(stage, Trigger::edge);
    send_and_await(pair, "data");
    stage.observe("data arrived");
    stage.observe_silence("left unread");
}

void edge_partial_read(Stage& stage) {
    const auto pair = readable_pair(stage, Trigger::edge);
    send_and_await(pair, "data");
    stage.observe("data arrived");
    read_some(pair.local, 2);
    stage.observe_silence("half of it read");
    send(pair.peer, "more");
    stage.observe("more arrived");
}

void edge_held_condition(Stage& stage) {
    auto pair = connected_pair();
    send_and_await(pair, "data");
    must(stage.registry().add(pair.local, only, Interest::readable, Trigger::edge), "Registry::add");
    stage.observe("added after the data");
}

void edge_modify(Stage& stage) {
    auto pair = readable_pair(stage, Trigger::edge);
    send_and_await(pair, "data");
    stage.observe("data arrived");
    must(stage.registry().modify(pair.local, only, Interest::readable, Trigger::edge), "Registry::modify");
    stage.observe("modified, left unread");
}

void level_repeats(Stage& stage) {
    const auto pair = readable_pair(stage, Trigger::level);
    send_and_await(pair, "data");
    stage.look("data arrived");
    stage.look("left unread");
    read_some(pair.local, 2);
    stage.look("half of it read");
    read_everything(pair.local);
    stage.observe_silence("all of it read");
}

void oneshot_once(Stage& stage) {
    auto pair = readable_pair(stage, Trigger::oneshot);
    send_and_await(pair, "data");
    stage.observe("data arrived");
    send(pair.peer, "more");
    stage.observe_silence("more arrived");
    must(stage.registry().modify(pair.local, only, Interest::readable, Trigger::oneshot), "Registry::modify");
    stage.observe("modified");
    stage.observe_silence("reported already");
}

void removed(Stage& stage) {
    auto pair = readable_pair(stage, Trigger::edge);
    send_and_await(pair, "data");
    must(stage.registry().remove(pair.local), "Registry::remove");
    stage.observe_silence("removed before the poll");
}

void closed(Stage& stage) {
    {
        const auto pair = readable_pair(stage, Trigger::edge);
        send_and_await(pair, "data");
    }
    stage.observe_silence("closed before the poll");
}

constexpr Scenario list[] = {
    {"trigger-edge-no-repeat", "edge: what is left unread is not reported again", edge_no_repeat},
    {"trigger-edge-partial-read", "edge: new data is reported also if the old was not drained",
     edge_partial_read},
    {"trigger-edge-held-condition", "edge: what holds when the source is added is reported",
     edge_held_condition},
    {"trigger-edge-modify", "edge: modify reports again what holds", edge_modify},
    {"trigger-level-repeats", "level: reported by every poll until it is drained", level_repeats},
    {"trigger-oneshot-once", "oneshot: reported once, then not before modify", oneshot_once},
    {"registration-removed", "a source that was removed reports nothing", removed},
    {"registration-closed", "a source that was closed reports nothing", closed},
};

} // namespace

std::span<const Scenario> trigger_scenarios() { return list; }

} // namespace probe
