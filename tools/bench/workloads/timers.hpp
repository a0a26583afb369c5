// Timers: the cost of each operation while many others are armed. Time is simulated: nothing waits.

#pragma once

#include "harness/latencies.hpp"
#include "harness/stopwatch.hpp"
#include "harness/suite.hpp"

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

/// A queue of numbered timers; times are nanoseconds from the same start.
template <class Q>
concept TimerContestant = requires(Q& queue, std::size_t timer, std::chrono::nanoseconds time) {
    { Q::name } -> std::convertible_to<std::string_view>;
    Q(timer);                   // the number of timers
    queue.insert(timer, time);  // it is not armed
    queue.cancel(timer);        // it is armed
    queue.replace(timer, time); // cancel, and insert again
    /// Optional: `postpone(timer, time)`, and `expire(time)`, which pops those that are due and returns their number.
};

/// `count` timers and one more, with deadlines as in servers: uniformly from 1 ms to 60 s ahead.
template <TimerContestant Q, class Latencies = NoLatencies> class Timers {
  public:
    /// Operations of a lap: the cost of one is below that of reading the clock.
    static constexpr std::uint64_t batch = 1'000;

    explicit Timers(std::size_t count, Latencies latencies = {})
        : latencies_(std::move(latencies)), count_(count) {
        std::mt19937_64 random(1);
        deadlines_.resize(count);
        for (auto& deadline : deadlines_)
            deadline = std::chrono::nanoseconds(1'000'000 + random() % 60'000'000'000);
        order_.resize(count);
        std::iota(order_.begin(), order_.end(), std::size_t{0});
        std::ranges::shuffle(order_, random);
    }

    /// Inserts all into an empty queue, repeatedly.
    Sample insert(std::uint64_t operations) {
        return in_turns(operations, [&](Q& queue, std::size_t turn) {
            for (std::size_t i = 0; i < count_ - turn; ++i) queue.insert(i, deadlines_[i]);
            const Stopwatch stopwatch;
            for (std::size_t i = count_ - turn; i < count_; ++i) queue.insert(i, deadlines_[i]);
            return stopwatch.per(1);
        });
    }
    /// Cancels a random one and inserts it again.
    Sample replace(std::uint64_t operations) {
        Q queue(count_);
        fill(queue);
        const Stopwatch stopwatch;
        for (std::uint64_t i = 0; i < operations; ++i)
            queue.replace(order_[i % count_], deadlines_[i * 7 % count_]);
        return stopwatch.per(operations);
    }
    /// An operation's limit of 30 s that is met: inserts one and cancels it.
    Sample limit(std::uint64_t operations) {
        Q queue(count_ + 1);
        fill(queue);
        latencies_.begin();
        const Stopwatch stopwatch;
        for (std::uint64_t i = 0; i < operations;) {
            for (const auto end = std::min(i + batch, operations); i < end; ++i) {
                queue.insert(count_, std::chrono::seconds(30) + std::chrono::microseconds(i));
                queue.cancel(count_);
            }
            latencies_.lap();
        }
        return stopwatch.per(operations);
    }
    /// An idle limit: moves a random one to a later time.
    Sample postpone(std::uint64_t operations) {
        Q queue(count_);
        fill(queue);
        const Stopwatch stopwatch;
        for (std::uint64_t i = 0; i < operations; ++i) {
            const auto timer = order_[i % count_];
            queue.postpone(timer, deadlines_[timer] + std::chrono::microseconds(i));
        }
        return stopwatch.per(operations);
    }
    /// Pops all, in steps of a millisecond, or so long that one timer is due in each.
    Sample expire(std::uint64_t operations) {
        return in_turns(operations, [&](Q& queue, std::size_t turn) {
            fill(queue);
            constexpr std::chrono::nanoseconds all = std::chrono::seconds(60),
                                               shortest = std::chrono::milliseconds(1);
            const auto step = std::max(shortest, all / static_cast<std::int64_t>(count_));
            const Stopwatch stopwatch;
            std::size_t popped = 0;
            for (auto now = step; popped < turn; now += step) popped += queue.expire(now);
            return stopwatch.per(1);
        });
    }

  private:
    void fill(Q& queue) {
        for (std::size_t i = 0; i < count_; ++i) queue.insert(i, deadlines_[i]);
    }
    template <class F> Sample in_turns(std::uint64_t operations, F&& f) {
        Sample sum{.time_ns = 0, .processor_ns = 0};
        for (std::uint64_t done = 0; done < operations;) {
            Q queue(count_);
            const auto turn = std::min<std::uint64_t>(operations - done, count_);
            const auto sample = f(queue, turn);
            sum.time_ns += sample.time_ns;
            sum.processor_ns += sample.processor_ns;
            done += turn;
        }
        const auto all = static_cast<double>(operations);
        return {.time_ns = sum.time_ns / all, .processor_ns = sum.processor_ns / all};
    }

    [[no_unique_address]] Latencies latencies_;
    std::size_t count_;
    std::vector<std::chrono::nanoseconds> deadlines_;
    std::vector<std::size_t> order_;
};

template <TimerContestant Q> void enter_timers(Suite& suite) {
    const std::string name(Q::name);
    const auto enter = [&](const Workload& workload, std::size_t count, auto run) {
        suite.enter(workload, name, [count, run](std::uint64_t operations) {
            // A run of fewer operations, such as a warm-up, has no more timers than those.
            Timers<Q> timers(std::min<std::uint64_t>(count, operations));
            return (timers.*run)(operations);
        });
    };
    constexpr std::size_t few = 1'000, many = 1'000'000;
    constexpr std::uint64_t operations = 1'000'000;
    enter({"timers-insert", "inserting one of 1,000 timers", operations}, few, &Timers<Q>::insert);
    enter({"timers-replace", "cancelling one of 1,000 timers and inserting it again", operations}, few,
          &Timers<Q>::replace);
    enter({"timers-limit", "inserting and cancelling a limit of 30 s beside 1,000 timers", operations}, few,
          &Timers<Q>::limit);
    enter({"timers-1m-insert", "inserting one of 1,000,000 timers", operations}, many, &Timers<Q>::insert);
    enter({"timers-1m-replace", "cancelling one of 1,000,000 timers and inserting it again", operations},
          many, &Timers<Q>::replace);
    enter({"timers-1m-limit", "inserting and cancelling a limit of 30 s beside 1,000,000 timers", operations},
          many, &Timers<Q>::limit);
    if constexpr (requires(Q& queue) { queue.expire(std::chrono::nanoseconds()); }) {
        enter({"timers-expire", "expiry of one of 1,000 timers", operations}, few, &Timers<Q>::expire);
        enter({"timers-1m-expire", "expiry of one of 1,000,000 timers", operations}, many,
              &Timers<Q>::expire);
    }
    if constexpr (requires(Q& queue) { queue.postpone(std::size_t(), std::chrono::nanoseconds()); }) {
        enter({"timers-postpone", "postponing one of 1,000 timers", operations}, few, &Timers<Q>::postpone);
        enter({"timers-1m-postpone", "postponing one of 1,000,000 timers", operations}, many,
              &Timers<Q>::postpone);
    }
}

} // namespace bench
