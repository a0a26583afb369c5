module;

#include <span>
#include <thread>

module probe.events.scenario;

import mio;
import probe.events.selector;
import probe.events.stage;
import probe.failure;

namespace probe {
namespace {

void woken_once(Stage& stage) {
    const auto waker = stage.make_waker();
    stage.observe_silence("not woken");
    must(waker->wake(), "Waker::wake");
    stage.observe("woken");
    stage.observe_silence("reported already");
}

void coalesced(Stage& stage) {
    const auto waker = stage.make_waker();
    for (int i = 0; i < 1000; ++i) must(waker->wake(), "Waker::wake");
    stage.observe("woken 1000 times");
    must(waker->wake(), "Waker::wake");
    stage.observe("woken again");
}

void two(Stage& stage) {
    constexpr mio::Token first{1};
    constexpr mio::Token second{2};
    const auto one = stage.make_waker(first);
    const auto other = stage.make_waker(second);
    must(one->wake(), "Waker::wake");
    must(other->wake(), "Waker::wake");
    stage.observe({{first, "first one woken"}, {second, "second one woken"}});
    must(other->wake(), "Waker::wake");
    stage.observe({{second, "second one woken again"}});
}

void from_thread(Stage& stage) {
    const auto waker = stage.make_waker();
    mio::Result<> woken;
    std::thread thread([&] { woken = waker->wake(); });
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
