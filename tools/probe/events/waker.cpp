module;

#include <span>
#include <string_view>
#include <thread>

module probe.events.scenario;

import mio;
import probe.events.stage;
import probe.events.tcp_pair;
import probe.failure;

namespace probe {
namespace {

using mio::Waker;

void woken_once(Stage& stage) {
    const auto waker = must(Waker::create(stage.registry(), only), "Waker::create");
    stage.observe_silence("not woken");
    must(waker.wake(), "Waker::wake");
    stage.observe("woken");
    stage.observe_silence("reported already");
}

void coalesced(Stage& stage) {
    const auto waker = must(Waker::create(stage.registry(), only), "Waker::create");
    for (int i = 0; i < 1000; ++i) must(waker.wake(), "Waker::wake");
    stage.observe("woken 1000 times");
    must(waker.wake(), "Waker::wake");
    stage.observe("woken again");
}

void two(Stage& stage) {
    constexpr mio::Token first{1};
    constexpr mio::Token second{2};
    const auto one = must(Waker::create(stage.registry(), first), "Waker::create");
    const auto other = must(Waker::create(stage.registry(), second), "Waker::create");
    must(one.wake(), "Waker::wake");
    must(other.wake(), "Waker::wake");
    stage.observe({{first, "first one woken"}, {second, "second one woken"}});
    must(other.wake(), "Waker::wake");
    stage.observe({{second, "second one woken again"}});
}

void from_thread(Stage& stage) {
    const auto waker = must(Waker::create(stage.registry(), only), "Waker::create");
    mio::Result<> woken;
    std::thread thread([&] { woken = waker.wake(); });
    stage.observe("woken by another thread");
    thread.join();
    must(woken, "Waker::wake");
}

constexpr Scenario list[] = {
    {"waker-once", "a waker is woken once", woken_once},
    {"waker-coalesced", "wakes that nobody has polled for are one event", coalesced},
    {"waker-two", "two wakers, each with its token", two},
    {"waker-thread", "another thread wakes", from_thread},
};

} // namespace

std::span<const Scenario> waker_scenarios() { return list; }

} // namespace probe
