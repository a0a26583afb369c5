// Timers of mio.time.

#pragma once

#include "harness/failure.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

import mio;
import mio.time;

namespace bench {

/// `mio::time::TimerQueue`, with timers that the program owns.
class MioTimerQueue {
  public:
    static constexpr std::string_view name = "mio";

    explicit MioTimerQueue(std::size_t count)
        : queue_(count), timers_(std::make_unique<mio::time::Timer[]>(count)) {}
    void insert(std::size_t timer, std::chrono::nanoseconds time) {
        if (!queue_.insert(timers_[timer], mio::time::Clock::time_point(time))) fail("TimerQueue::insert");
    }
    void cancel(std::size_t timer) { queue_.cancel(timers_[timer]); }
    void replace(std::size_t timer, std::chrono::nanoseconds time) {
        cancel(timer);
        insert(timer, time);
    }
    void postpone(std::size_t timer, std::chrono::nanoseconds time) {
        queue_.postpone(timers_[timer], mio::time::Clock::time_point(time));
    }
    std::size_t expire(std::chrono::nanoseconds now) {
        std::size_t count = 0;
        while (queue_.pop(mio::time::Clock::time_point(now)) != nullptr) ++count;
        return count;
    }

  private:
    mio::time::TimerQueue queue_;
    std::unique_ptr<mio::time::Timer[]> timers_;
};

/// `mio::time::Timers`, with ids and tokens.
class MioTimers {
  public:
    static constexpr std::string_view name = "mio-ids";

    explicit MioTimers(std::size_t count) : timers_(count), ids_(count) {}
    void insert(std::size_t timer, std::chrono::nanoseconds time) {
        const auto id = timers_.insert(mio::time::Clock::time_point(time), mio::Token{timer});
        if (!id) fail("Timers::insert");
        ids_[timer] = *id;
    }
    void cancel(std::size_t timer) { timers_.cancel(ids_[timer]); }
    void replace(std::size_t timer, std::chrono::nanoseconds time) {
        cancel(timer);
        insert(timer, time);
    }
    void postpone(std::size_t timer, std::chrono::nanoseconds time) {
        timers_.postpone(ids_[timer], mio::time::Clock::time_point(time));
    }
    std::size_t expire(std::chrono::nanoseconds now) {
        std::size_t count = 0;
        while (timers_.pop(mio::time::Clock::time_point(now))) ++count;
        return count;
    }

  private:
    mio::time::Timers timers_;
    std::vector<mio::time::TimerId> ids_;
};

} // namespace bench
