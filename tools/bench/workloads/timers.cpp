// The timers of mio.time, and the std::multiset that programs use otherwise. There are no system calls to compare with.

#include "workloads/timers.hpp"

#include <chrono>
#include <cstddef>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "contestants/mio_timers.hpp"

namespace bench {
namespace {

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
    enter_timers<MioTimerQueue>(suite);
    enter_timers<MioTimers>(suite);
    enter_timers<Multiset>(suite);
}

} // namespace bench
