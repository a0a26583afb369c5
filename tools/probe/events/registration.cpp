module;

#include <span>

module probe.events.scenario;

import mio;
import probe.events.sources;
import probe.events.stage;
import probe.events.triggers;

namespace probe {
namespace {

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

} // namespace

std::span<const Scenario> registration_scenarios() { return list; }

} // namespace probe
