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

constexpr Wish readable_again{Interest::readable, Trigger::oneshot};
constexpr Wish writable_again{Interest::writable, Trigger::oneshot};
constexpr Wish both_again{read_write, Trigger::oneshot};

void once(Stage& stage) {
    auto pair = readable_pair(stage, Trigger::oneshot);
    send_and_await(pair, "data");
    stage.observe("data arrived");
    send(pair.peer, "more");
    stage.observe_silence("more arrived");
    pair.local.modify(readable_again);
    stage.observe("modified");
    stage.observe_silence("reported already");
}

// That reading would block arms an edge again where edges are emulated. It must not arm this.
void drained(Stage& stage) {
    auto pair = readable_pair(stage, Trigger::oneshot);
    send_and_await(pair, "data");
    stage.observe("data arrived");
    read_everything(pair.local);
    send_and_await(pair, "more");
    stage.observe_silence("all of it read, more arrived");
    pair.local.modify(readable_again);
    stage.observe("modified");
}

void partial_read(Stage& stage) {
    auto pair = readable_pair(stage, Trigger::oneshot);
    send_and_await(pair, "data");
    stage.observe("data arrived");
    read_some(pair.local, 2);
    stage.observe_silence("half of it read");
    pair.local.modify(readable_again);
    stage.observe("modified");
}

void writable(Stage& stage) {
    auto pair = watch(stage, tcp_pair(), writable_again);
    stage.observe("registered");
    stage.observe_silence("reported already");
    pair.local.modify(writable_again);
    stage.observe("modified");
}

void full(Stage& stage) {
    auto pair = watch(stage, tcp_pair(), writable_again);
    stage.observe("registered");
    fill(pair.local);
    make_room(pair);
    stage.observe_silence("filled and emptied");
    fill(pair.local);
    pair.local.modify(writable_again);
    stage.observe_silence("filled and modified");
    make_room(pair);
    stage.observe("emptied");
}

void both(Stage& stage) {
    auto pair = watch(stage, tcp_pair(), both_again);
    stage.observe("registered");
    send_and_await(pair, "data");
    stage.observe_silence("data arrived");
    pair.local.modify(both_again);
    stage.observe("modified");
    stage.observe_silence("reported already");
}

void end(Stage& stage) {
    auto pair = readable_pair(stage, Trigger::oneshot);
    close_and_await(pair);
    stage.observe("peer closed");
    stage.observe_silence("reported already");
    pair.local.modify(readable_again);
    stage.observe("modified");
}

void end_after_report(Stage& stage) {
    auto pair = readable_pair(stage, Trigger::oneshot);
    send_and_await(pair, "data");
    stage.observe("data arrived");
    close_and_await(pair);
    stage.observe_silence("peer closed");
    pair.local.modify(readable_again);
    stage.observe("modified");
}

void from_level(Stage& stage) {
    auto pair = readable_pair(stage, Trigger::level);
    send_and_await(pair, "data");
    stage.look("data arrived");
    pair.local.modify(readable_again);
    stage.observe("modified to oneshot");
    stage.observe_silence("reported already");
    pair.local.modify({Interest::readable, Trigger::level});
    stage.look("modified to level");
    stage.look("left unread");
}

constexpr Scenario list[] = {
    {"trigger-oneshot-once", "oneshot: reported once, then not before modify", once},
    {"trigger-oneshot-drained", "oneshot: draining does not arm it again", drained},
    {"trigger-oneshot-partial-read", "oneshot: modify reports again what is left unread", partial_read},
    {"trigger-oneshot-writable", "oneshot: writable is reported once, and again by modify", writable},
    {"trigger-oneshot-full", "oneshot: filling does not arm it again; modified while full", full},
    {"trigger-oneshot-both", "oneshot: one report is for both directions", both},
    {"trigger-oneshot-end", "oneshot: the end of the stream is reported once, and again by modify", end},
    {"trigger-oneshot-end-after-report", "oneshot: the end of the stream does not arm it again",
     end_after_report},
    {"trigger-oneshot-from-level", "oneshot: modify from level, and back", from_level},
};

} // namespace

std::span<const Scenario> oneshot_scenarios() { return list; }

} // namespace probe
