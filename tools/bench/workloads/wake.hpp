// Two threads that wake each other in turn, each from its own loop: on two processors, and sharing one.

#pragma once

#include "contestants/contestant.hpp"
#include "harness/processors.hpp"
#include "harness/stopwatch.hpp"
#include "harness/suite.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <thread>

namespace bench {

template <Contestant C> class Wakeable {
  public:
    static constexpr bool is_woken = true;

    /// `other` is woken each time this one is, and ends when it was so often as this one.
    void go_on_with(const Wakeable& other, std::uint64_t times) {
        other_ = &other;
        seen_ = 0;
        goal_ = times;
    }
    void run() { loop_.run(); }
    void wake() const { waker_.wake(); }

    void ready(std::size_t) {
        ++seen_;
        other_->wake();
    }
    [[nodiscard]] bool done() const { return seen_ >= goal_; }

  private:
    typename C::template Loop<Wakeable> loop_{*this};
    mutable typename C::template Waker<Wakeable> waker_{loop_, 0};
    const Wakeable* other_ = nullptr;
    std::uint64_t seen_ = 0;
    std::uint64_t goal_ = 0;
};

template <Contestant C> Sample wake(std::uint64_t operations, int here, int there) {
    Wakeable<C> near;
    Wakeable<C> far;
    near.go_on_with(far, operations);
    far.go_on_with(near, operations);
    std::thread thread([&] {
        const Pinned pinned(there);
        far.run();
    });
    const Pinned pinned(here);
    const Stopwatch stopwatch;
    far.wake();
    near.run();
    auto sample = stopwatch.per(operations);
    thread.join();
    sample.processor_ns = std::numeric_limits<double>::quiet_NaN(); // half of it was used by the other thread
    return sample;
}

template <Contestant C> void enter_wake_on_two(Suite& suite) {
    suite.enter({"wake-two-cpus", "waking and being woken, two threads on two processors", 2'000, 64, 2},
                std::string(C::name), [](std::uint64_t operations) {
                    return wake<C>(operations, processors().front(), processors().back());
                });
}

template <Contestant C> void enter_wake(Suite& suite) {
    suite.enter({"wake-one-cpu", "waking and being woken, two threads on one processor", 8'000, 64},
                std::string(C::name), [](std::uint64_t operations) {
                    return wake<C>(operations, processors().front(), processors().front());
                });
    enter_wake_on_two<C>(suite);
}

} // namespace bench
