// The timers of mio.time, and the std::multiset that programs use otherwise. There are no system calls to compare with.

#include "workloads/timers.hpp"

#include "harness/failure.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

import mio;
import mio.time;

namespace bench {
namespace {

using Time = mio::time::Clock::time_point;

// Timers that the program owns.
class Queue {
  public:
    static constexpr std::string_view name = "mio";

    explicit Queue(std::size_t count) : queue_(count), timers_(std::make_unique<mio::time::Timer[]>(count)) {}
    void insert(std::size_t timer, std::chrono::nanoseconds time) {
        if (!queue_.insert(timers_[timer], Time(time))) fail("TimerQueue::insert");
    }
    void cancel(std::size_t timer) { queue_.cancel(timers_[timer]); }
    void replace(std::size_t timer, std::chrono::nanoseconds time) {
        cancel(timer);
        insert(timer, time);
    }
    void postpone(std::size_t timer, std::chrono::nanoseconds time) {
        queue_.postpone(timers_[timer], Time(time));
    }
    std::size_t expire(std::chrono::nanoseconds now) {
        std::size_t count = 0;
        while (queue_.pop(Time(now)) != nullptr) ++count;
        return count;
    }

  private:
    mio::time::TimerQueue queue_;
    std::unique_ptr<mio::time::Timer[]> timers_;
};

// Timers with ids and tokens.
class Ids {
  public:
    static constexpr std::string_view name = "mio-ids";

    explicit Ids(std::size_t count) : timers_(count), ids_(count) {}
    void insert(std::size_t timer, std::chrono::nanoseconds time) {
        const auto id = timers_.insert(Time(time), mio::Token{timer});
        if (!id) fail("Timers::insert");
        ids_[timer] = *id;
    }
    void cancel(std::size_t timer) { timers_.cancel(ids_[timer]); }
    void replace(std::size_t timer, std::chrono::nanoseconds time) {
        cancel(timer);
        insert(timer, time);
    }
    void postpone(std::size_t timer, std::chrono::nanoseconds time) {
        timers_.postpone(ids_[timer], Time(time));
    }
    std::size_t expire(std::chrono::nanoseconds now) {
        std::size_t count = 0;
        while (timers_.pop(Time(now))) ++count;
        return count;
    }

  private:
    mio::time::Timers timers_;
    std::vector<mio::time::TimerId> ids_;
};

class Multiset {
  public:
    static constexpr std::string_view name = "std-multiset";

    explicit Multiset(std::size_t count) : places_(count) {}
    void insert(std::size_t timer, std::chrono::nanoseconds time) {
        places_[timer] = set_.emplace(time, timer);
    }
    void cancel(std::size_t timer) { set_.erase(places_[timer]); }
    void replace(std::size_t timer, std::chrono::nanoseconds time) {
        auto node = set_.extract(places_[timer]);
        node.value().first = time;
        places_[timer] = set_.insert(std::move(node));
    }
    void postpone(std::size_t timer, std::chrono::nanoseconds time) { replace(timer, time); }
    std::size_t expire(std::chrono::nanoseconds now) {
        std::size_t count = 0;
        for (; !set_.empty() && set_.begin()->first <= now; ++count) set_.erase(set_.begin());
        return count;
    }

  private:
    using Set = std::multiset<std::pair<std::chrono::nanoseconds, std::size_t>>;
    Set set_;
    std::vector<Set::iterator> places_;
};

} // namespace

void enter_timers(Suite& suite) {
    enter_timers<Queue>(suite);
    enter_timers<Ids>(suite);
    enter_timers<Multiset>(suite);
}

} // namespace bench
