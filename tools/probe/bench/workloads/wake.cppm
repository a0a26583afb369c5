/// @file
/// Two threads that wake each other in turn, each from its own loop.

module;

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

export module probe.bench.wake;

import probe.bench.companion;
import probe.bench.contestant;
import probe.bench.workload;

namespace probe::bench {

/// One of the two.
template <Contestant C> class Wakeable {
  public:
    /// `other` is woken each time this one is, and this one ends when it was so often. The first `rehearsals` are not
    /// measured.
    void go_on_with(const Wakeable& other, std::uint64_t times) {
        other_ = &other;
        goal_ = times;
    }
    void measure(Measurement& measurement, std::uint64_t rehearsals) {
        measurement_ = &measurement;
        rehearsals_ = rehearsals;
    }
    void run() { loop_.run(); }
    void wake() const { waker_.wake(); }
    /// Ends it early, from any thread.
    void stop() {
        is_stopped_ = true;
        wake();
    }
    [[nodiscard]] Clock::duration time() const { return last_ - start_; }

    void ready(std::size_t) {
        if (measurement_ != nullptr) note();
        ++seen_;
        // The one that measures was the first to be waited for, and is the last to be woken.
        if (measurement_ == nullptr || seen_ < goal_) other_->wake();
    }
    [[nodiscard]] bool is_done() const {
        return seen_ >= goal_ || is_stopped_.load(std::memory_order_relaxed);
    }

  private:
    void note() {
        const auto now = Clock::now();
        if (seen_ >= rehearsals_) {
            measurement_->latencies.record(now - last_);
        } else {
            start_ = now;
        }
        last_ = now;
    }

    typename C::template Loop<Wakeable> loop_{*this};
    mutable typename C::template Waker<Wakeable> waker_{loop_, 0};
    const Wakeable* other_ = nullptr;
    Measurement* measurement_ = nullptr;
    std::uint64_t rehearsals_ = 0;
    std::uint64_t seen_ = 0;
    std::uint64_t goal_ = 0;
    std::atomic<bool> is_stopped_ = false;
    Clock::time_point start_;
    Clock::time_point last_;
};

export template <Contestant C> class Wake {
  public:
    static void play(std::uint64_t operations, Measurement& measurement) {
        constexpr std::uint64_t rehearsals = 8; // the other thread starts meanwhile
        Wakeable<C> near;
        Wakeable<C> far;
        near.go_on_with(far, rehearsals + operations);
        near.measure(measurement, rehearsals);
        far.go_on_with(near, rehearsals + operations);
        Companion companion([&far] { far.run(); }, [&near] { near.stop(); });
        try {
            far.wake();
            near.run();
        } catch (...) {
            far.stop();
            throw;
        }
        companion.join();
        measurement.time = near.time();
    }
};

} // namespace probe::bench
