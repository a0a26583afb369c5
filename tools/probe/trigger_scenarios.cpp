#include "stage.hpp"

namespace probe {

namespace {
namespace edge {

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

} // namespace edge
} // namespace

std::span<const Scenario> edge_scenarios() { return edge::list; }

namespace {
namespace level {

using mio::Interest;
using mio::Trigger;

void repeats(Stage& stage) {
    const auto pair = readable_pair(stage, Trigger::level);
    send_and_await(pair, "data");
    stage.observe_now("data arrived");
    stage.observe_now("left unread");
    read_some(pair.local, 2);
    stage.observe_now("half of it read");
    read_everything(pair.local);
    stage.observe_silence("all of it read");
    send(pair.peer, "more");
    stage.observe_now("more arrived");
}

void full(Stage& stage) {
    const auto pair = watch(stage, tcp_pair(), {Interest::writable, Trigger::level});
    stage.observe_now("registered");
    stage.observe_now("still writable");
    fill(pair.local);
    stage.observe_silence("full");
    make_room(pair);
    stage.observe_now("emptied");
    stage.observe_now("still writable again");
}

void both(Stage& stage) {
    const auto pair = watch(stage, tcp_pair(), {read_write, Trigger::level});
    stage.observe_now("registered");
    send_and_await(pair, "data");
    stage.observe_now("data arrived");
    stage.observe_now("left unread");
    read_everything(pair.local);
    stage.observe_now("all of it read");
}

void end(Stage& stage) {
    auto pair = readable_pair(stage, Trigger::level);
    close_and_await(pair);
    stage.observe_now("peer closed");
    stage.observe_now("left unread");
    read_everything(pair.local);
    stage.observe_now("the end read");
}

void modify(Stage& stage) {
    auto pair = readable_pair(stage, Trigger::level);
    send_and_await(pair, "data");
    stage.observe_now("data arrived");
    pair.local.modify({Interest::writable, Trigger::level});
    stage.observe_now("modified to writable");
    pair.local.modify({Interest::readable, Trigger::level});
    stage.observe_now("modified to readable");
}

void from_edge(Stage& stage) {
    auto pair = readable_pair(stage, Trigger::edge);
    send_and_await(pair, "data");
    stage.observe("data arrived");
    pair.local.modify({Interest::readable, Trigger::level});
    stage.observe_now("modified to level");
    stage.observe_now("left unread");
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

} // namespace level
} // namespace

std::span<const Scenario> level_scenarios() { return level::list; }

namespace {
namespace oneshot {

using mio::Interest;
using mio::Trigger;

constexpr RegisterOptions readable_again{Interest::readable, Trigger::oneshot};
constexpr RegisterOptions writable_again{Interest::writable, Trigger::oneshot};
constexpr RegisterOptions both_again{read_write, Trigger::oneshot};

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

// A read that would block re-arms an emulated edge. It must not re-arm this registration.
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
    stage.observe_now("data arrived");
    pair.local.modify(readable_again);
    stage.observe("modified to oneshot");
    stage.observe_silence("reported already");
    pair.local.modify({Interest::readable, Trigger::level});
    stage.observe_now("modified to level");
    stage.observe_now("left unread");
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

} // namespace oneshot
} // namespace

std::span<const Scenario> oneshot_scenarios() { return oneshot::list; }

namespace {
namespace registration {

using mio::Interest;
using mio::Trigger;

void removed(Stage& stage) {
    auto pair = readable_pair(stage, Trigger::edge);
    send_and_await(pair, "data");
    pair.local.remove();
    stage.observe_silence("removed before the poll");
}

void closed(Stage& stage) {
    {
        const auto pair = readable_pair(stage, Trigger::edge);
        send_and_await(pair, "data");
    }
    stage.observe_silence("closed before the poll");
}

void added_again(Stage& stage) {
    auto pair = readable_pair(stage, Trigger::edge);
    send_and_await(pair, "data");
    stage.observe("data arrived");
    pair.local.remove();
    pair.local.add({.interest = Interest::readable});
    stage.observe("removed, added again");
}

void renamed(Stage& stage) {
    constexpr mio::Token other{1};
    auto pair = readable_pair(stage, Trigger::edge);
    send_and_await(pair, "data");
    pair.local.modify({Interest::readable, Trigger::edge, other});
    stage.observe({{other, "modified to another token"}});
}

void unsupported(Stage& stage) {
    const auto pair = watch(stage, tcp_pair(), {.interest = Interest::lio});
    stage.observe_silence("registered");
}

constexpr Scenario list[] = {
    {"registration-removed", "a source that was removed reports nothing", removed},
    {"registration-closed", "a source that was closed reports nothing", closed},
    {"registration-added-again", "add reports again what holds", added_again},
    {"registration-renamed", "modify replaces the token", renamed},
    {"registration-unsupported", "a source watched for list I/O, which FreeBSD alone has", unsupported},
};

} // namespace registration
} // namespace

std::span<const Scenario> registration_scenarios() { return registration::list; }

} // namespace probe
