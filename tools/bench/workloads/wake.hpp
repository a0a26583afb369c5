// Two threads that wake each other in turn, each from its own loop: on two processors, and sharing one.

#pragma once

#include "contestants/contestant.hpp"
#include "harness/latencies.hpp"
#include "harness/processors.hpp"
#include "harness/stopwatch.hpp"
#include "harness/suite.hpp"
#include "harness/worker.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace bench {

template <Contestant C, class Latencies = NoLatencies> class Wakeable {
  public:
    static constexpr bool is_woken = true;

    explicit Wakeable(Latencies latencies = {}) : latencies_(latencies) {}

    /// Wakes `other` each time this one is woken, and ends after so many `times`; the first `warm_up` are not recorded.
    template <class Other>
    void go_on_with(const Other& other, std::uint64_t times, std::uint64_t warm_up = 0) {
        wake_other_ = [](const void* waker) { static_cast<const Other*>(waker)->wake(); };
        other_ = &other;
        goal_ = times;
        latencies_.begin(warm_up);
    }
    void run() { loop_.run(); }
    void wake() const { waker_.wake(); }
    /// Ends it early, from any thread.
    void stop() {
        is_stopped_ = true;
        wake();
    }

    void ready(std::size_t) {
        latencies_.lap();
        ++wakes_seen_;
        wake_other_(other_);
    }
    [[nodiscard]] bool done() const {
        return wakes_seen_ >= goal_ || is_stopped_.load(std::memory_order_relaxed);
    }

  private:
    [[no_unique_address]] Latencies latencies_;
    typename C::template Loop<Wakeable> loop_{*this};
    mutable typename C::template Waker<Wakeable> waker_{loop_, 0};
    void (*wake_other_)(const void*) = nullptr;
    const void* other_ = nullptr;
    std::uint64_t wakes_seen_ = 0;
    std::uint64_t goal_ = 0;
    std::atomic<bool> is_stopped_ = false;
};

/// Two threads wake each other: on the processors `here` and `there` if they are given.
template <Contestant C, class Latencies = NoLatencies>
Sample wake(std::uint64_t operations, Latencies latencies = {}, std::optional<int> here = {},
            std::optional<int> there = {}) {
    constexpr std::uint64_t warm_up = 8; // the other thread starts meanwhile
    Wakeable<C, Latencies> near(latencies);
    Wakeable<C> far;
    near.go_on_with(far, operations + warm_up, warm_up);
    far.go_on_with(near, operations + warm_up);
    Worker worker(
        [&] {
            std::optional<Pinned> pinned;
            if (there) pinned.emplace(*there);
            far.run();
        },
        [&] { near.stop(); });
    std::optional<Pinned> pinned;
    if (here) pinned.emplace(*here);
    const Stopwatch stopwatch;
    try {
        far.wake();
        near.run();
    } catch (...) {
        far.stop();
        throw;
    }
    auto sample = stopwatch.per(operations + warm_up);
    worker.join();
    sample.processor_ns = std::numeric_limits<double>::quiet_NaN(); // the other thread used half of it
    return sample;
}

template <Contestant C> void enter_wake_on_two(Suite& suite) {
    suite.enter({"wake-two-cpus", "waking and being woken, two threads on two processors", 2'000, 64, 2},
                std::string(C::name), [](std::uint64_t operations) {
                    return wake<C>(operations, NoLatencies(), processors().front(), processors().back());
                });
}

template <Contestant C> void enter_wake(Suite& suite) {
    suite.enter({"wake-one-cpu", "waking and being woken, two threads on one processor", 8'000, 64},
                std::string(C::name), [](std::uint64_t operations) {
                    return wake<C>(operations, NoLatencies(), processors().front(), processors().front());
                });
    enter_wake_on_two<C>(suite);
}

} // namespace bench
