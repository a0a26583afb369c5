#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <tuple>
#include <type_traits>
#include <vector>

#include "support.hpp"

import mio.time;

using namespace test;
using mio::time::Clock;
using mio::time::Timer;
using mio::time::TimerQueue;
using Time = Clock::time_point;

namespace {

static_assert(!std::is_copy_constructible_v<Timer> && !std::is_move_constructible_v<Timer>);
static_assert(!std::is_copy_assignable_v<Timer> && !std::is_move_assignable_v<Timer>);
static_assert(!std::is_move_constructible_v<TimerQueue> && !std::is_move_assignable_v<TimerQueue>);
static_assert(sizeof(void*) != 8 || sizeof(Timer) == 32); // and 16 bytes in the queue

constexpr Time at(std::int64_t nanoseconds) { return Time(std::chrono::nanoseconds(nanoseconds)); }

/// Takes all timers that are due at `now`.
std::vector<Timer*> due(TimerQueue& queue, Time now) {
    std::vector<Timer*> timers;
    while (auto* const timer = queue.pop(now)) timers.push_back(timer);
    return timers;
}
using List = std::vector<Timer*>;

/// A queue, and a model of it, to which random steps are applied.
class Compared {
  public:
    Compared(std::uint64_t seed, std::size_t timers, std::int64_t span)
        : random_(seed), span_(span), timers_(timers), entries_(timers), queue_(timers / 2) {
        for (auto& timer : timers_) timer = std::make_unique<Timer>();
    }

    void step() {
        const auto index = static_cast<std::size_t>(random_() % timers_.size());
        auto& timer = *timers_[index];
        auto& entry = entries_[index];
        switch (random_() % 16) {
        case 0:
        case 1:
        case 2:
        case 3:
        case 4: // NOLINT
            ASSERT_TRUE(ok(queue_.insert(timer, set(index, now_ + ahead(), ++sequence_))));
            break;
        case 5:
        case 6:
        case 7: // NOLINT
            ASSERT_EQ(queue_.cancel(timer), entry.has_value());
            forget(index);
            break;
        case 8:
        case 9:
        case 10:
        case 11: // NOLINT: later, as a rule
            if (entry) {
                const auto [deadline, sequence, itself] = *entry;
                ASSERT_TRUE(queue_.postpone(timer, set(index, deadline + ahead(), sequence)));
            } else {
                ASSERT_FALSE(queue_.postpone(timer, at(now_)));
            }
            break;
        case 12: // to any time
            if (entry) {
                const auto sequence = std::get<1>(*entry);
                ASSERT_TRUE(queue_.postpone(timer, set(index, now_ + ahead(), sequence)));
            }
            break;
        case 13: // the timer is destroyed
            timers_[index] = std::make_unique<Timer>();
            forget(index);
            break;
        default: now_ += static_cast<std::int64_t>(random_()) % (span_ / 16 + 1); pop();
        }
        check(index);
    }
    void finish() {
        now_ = std::numeric_limits<std::int64_t>::max();
        pop();
        ASSERT_TRUE(queue_.empty());
    }

  private:
    using Entry = std::tuple<std::int64_t, std::uint64_t, std::size_t>; // deadline, order of insertion, timer

    std::int64_t ahead() { return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(span_)); }
    void forget(std::size_t index) {
        if (entries_[index]) model_.erase(*entries_[index]);
        entries_[index].reset();
    }
    Time set(std::size_t index, std::int64_t deadline, std::uint64_t sequence) {
        forget(index);
        entries_[index] = Entry(deadline, sequence, index);
        model_.insert(*entries_[index]);
        return at(deadline);
    }
    void pop() {
        for (;;) {
            auto* const timer = queue_.pop(at(now_));
            if (model_.empty() || std::get<0>(*model_.begin()) > now_) {
                ASSERT_EQ(timer, nullptr);
                return;
            }
            const auto index = std::get<2>(*model_.begin());
            ASSERT_EQ(timer, timers_[index].get());
            ASSERT_EQ(timer->deadline(), at(std::get<0>(*model_.begin())));
            forget(index);
            check(index);
        }
    }
    void check(std::size_t index) {
        ASSERT_EQ(queue_.size(), model_.size());
        ASSERT_EQ(queue_.empty(), model_.empty());
        ASSERT_EQ(timers_[index]->is_armed(), entries_[index].has_value());
        const auto next = queue_.next();
        ASSERT_EQ(next.has_value(), !model_.empty());
        if (next) {
            ASSERT_EQ(*next, at(std::get<0>(*model_.begin())));
        }
    }

    std::mt19937_64 random_;
    std::int64_t span_; // deadlines are at most so far ahead
    std::int64_t now_ = 0;
    std::uint64_t sequence_ = 0;
    std::multiset<Entry> model_;
    std::vector<std::unique_ptr<Timer>> timers_;
    std::vector<std::optional<Entry>> entries_;
    TimerQueue queue_;
};

struct Size {
    std::size_t timers;
    std::int64_t span;
    int steps;
};
void PrintTo(const Size& size, std::ostream* os) { *os << size.timers << " timers, " << size.span << " ns"; }

} // namespace

class TimerQueueOfSize : public testing::TestWithParam<Size> {};

// Few timers reach all small shapes of the heap; a small span makes equal deadlines.
TEST_P(TimerQueueOfSize, AgreesWithAMultisetAfterEachRandomStep) {
    const std::uint64_t seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    Compared compared(seed, GetParam().timers, GetParam().span);
    for (int i = 0; i < GetParam().steps; ++i) {
        compared.step();
        if (HasFatalFailure()) return;
    }
    compared.finish();
}

INSTANTIATE_TEST_SUITE_P(Sizes, TimerQueueOfSize,
                         testing::Values(Size{3, 4, 100'000}, Size{24, 16, 200'000}, Size{300, 40, 300'000},
                                         Size{5'000, 1'000'000'000, 400'000}));

TEST(TimerQueue, PopsEqualDeadlinesInTheOrderOfInsertion) {
    TimerQueue queue;
    std::vector<Timer> timers(200);
    for (auto& timer : timers) ASSERT_TRUE(ok(queue.insert(timer, at(7))));
    for (auto& timer : timers) EXPECT_EQ(queue.pop(at(7)), &timer);
}

TEST(TimerQueue, KeepsTheOrderOfInsertionOfPostponedTimers) {
    TimerQueue queue;
    Timer first, second, third;
    ASSERT_TRUE(ok(queue.insert(first, at(1))));
    ASSERT_TRUE(ok(queue.insert(second, at(5))));
    ASSERT_TRUE(ok(queue.insert(third, at(3))));
    EXPECT_TRUE(queue.postpone(third, at(5)));
    EXPECT_TRUE(queue.postpone(first, at(5)));
    EXPECT_EQ(due(queue, at(5)), (List{&first, &second, &third}));
}

TEST(TimerQueue, PopsNothingBeforeItsDeadline) {
    TimerQueue queue;
    Timer timer;
    EXPECT_EQ(queue.pop(Time::max()), nullptr);
    EXPECT_EQ(queue.next(), std::nullopt);
    ASSERT_TRUE(ok(queue.insert(timer, at(10))));
    EXPECT_EQ(queue.pop(at(9)), nullptr);
    EXPECT_TRUE(timer.is_armed());
    EXPECT_EQ(queue.next(), at(10));
    EXPECT_EQ(queue.pop(at(10)), &timer);
    EXPECT_FALSE(timer.is_armed());
    EXPECT_EQ(timer.deadline(), at(10));
    EXPECT_EQ(queue.next(), std::nullopt);
}

TEST(TimerQueue, AcceptsTheFirstAndTheLastTimePoint) {
    TimerQueue queue;
    Timer first, last, now;
    ASSERT_TRUE(ok(queue.insert(last, Time::max())));
    ASSERT_TRUE(ok(queue.insert(now, Clock::now())));
    ASSERT_TRUE(ok(queue.insert(first, Time::min())));
    EXPECT_EQ(queue.next(), Time::min());
    EXPECT_EQ(due(queue, Time::min()), List{&first});
    EXPECT_EQ(due(queue, Clock::now()), List{&now});
    EXPECT_EQ(queue.next(), Time::max());
    EXPECT_EQ(queue.pop(Time::max() - 1ns), nullptr);
    EXPECT_EQ(queue.pop(Time::max()), &last);

    ASSERT_TRUE(ok(queue.insert(first, at(0))));
    EXPECT_TRUE(queue.postpone(first, Time::max()));
    EXPECT_EQ(queue.pop(Time::max() - 1ns), nullptr);
    EXPECT_TRUE(queue.postpone(first, Time::min()));
    EXPECT_EQ(queue.pop(Time::min()), &first);
}

TEST(TimerQueue, SaturatesTimePointsOfOtherUnits) {
    using Hours = std::chrono::time_point<Clock, std::chrono::hours>;
    using Seconds = std::chrono::time_point<Clock, std::chrono::duration<double>>;
    TimerQueue queue;
    Timer timer;
    ASSERT_TRUE(ok(queue.insert(timer, Hours::max())));
    EXPECT_EQ(timer.deadline(), Time::max());
    EXPECT_TRUE(queue.postpone(timer, Hours::min()));
    EXPECT_EQ(timer.deadline(), Time::min());
    EXPECT_EQ(queue.pop(Seconds(std::chrono::duration<double>(-1e300))), &timer);
}

TEST(TimerQueue, AddsDurationsToTimePointsWithSaturation) {
    using mio::time::after;
    EXPECT_EQ(after(at(5), 3ns), at(8));
    EXPECT_EQ(after(at(5), -8ns), at(-3));
    EXPECT_EQ(after(at(5), std::chrono::hours::max()), Time::max());
    EXPECT_EQ(after(at(-5), std::chrono::hours::min()), Time::min());
    EXPECT_EQ(after(Time::min(), std::chrono::nanoseconds::max()), at(-1));
    EXPECT_EQ(after(Time::max(), std::chrono::nanoseconds::min()), at(-1));
    EXPECT_EQ(after(std::chrono::nanoseconds::max()), Time::max());
    const auto before = Clock::now();
    const auto later = after(1s);
    EXPECT_GE(later, before + 1s);
    EXPECT_LE(later, Clock::now() + 1s);
}

TEST(TimerQueue, MovesATimerThatIsInsertedAgain) {
    TimerQueue queue(2);
    Timer timer, other;
    ASSERT_TRUE(ok(queue.insert(timer, at(1))));
    ASSERT_TRUE(ok(queue.insert(other, at(5))));
    ASSERT_TRUE(ok(queue.insert(timer, at(5)))); // after the other now
    EXPECT_EQ(queue.size(), 2U);
    EXPECT_EQ(queue.next(), at(5));
    EXPECT_EQ(due(queue, at(5)), (List{&other, &timer}));
}

TEST(TimerQueue, CancelsATimerOnce) {
    TimerQueue queue;
    Timer timer;
    EXPECT_FALSE(queue.cancel(timer));
    ASSERT_TRUE(ok(queue.insert(timer, at(1))));
    EXPECT_TRUE(queue.cancel(timer));
    EXPECT_FALSE(timer.is_armed());
    EXPECT_FALSE(queue.cancel(timer));
    EXPECT_EQ(queue.size(), 0U);
    EXPECT_EQ(queue.pop(Time::max()), nullptr);
    ASSERT_TRUE(ok(queue.insert(timer, at(2))));
    EXPECT_EQ(queue.pop(at(2)), &timer);
    EXPECT_FALSE(queue.cancel(timer));
}

TEST(TimerQueue, TakesATimerFromAnotherQueue) {
    TimerQueue queue, other;
    Timer timer;
    ASSERT_TRUE(ok(other.insert(timer, at(1))));
    EXPECT_FALSE(queue.cancel(timer));
    EXPECT_FALSE(queue.postpone(timer, at(0)));
    EXPECT_EQ(other.next(), at(1));
    ASSERT_TRUE(ok(queue.insert(timer, at(2))));
    EXPECT_TRUE(other.empty());
    EXPECT_EQ(queue.pop(at(2)), &timer);
}

TEST(TimerQueue, ForgetsDestroyedTimers) {
    TimerQueue queue;
    Timer later;
    ASSERT_TRUE(ok(queue.insert(later, at(2))));
    {
        Timer timer;
        ASSERT_TRUE(ok(queue.insert(timer, at(1))));
        EXPECT_EQ(queue.next(), at(1));
    }
    EXPECT_EQ(queue.next(), at(2));
    EXPECT_EQ(due(queue, Time::max()), List{&later});
}

TEST(TimerQueue, DisarmsItsTimersWhenItIsDestroyed) {
    std::vector<Timer> timers(9);
    {
        TimerQueue queue;
        for (auto& timer : timers) ASSERT_TRUE(ok(queue.insert(timer, at(4))));
        EXPECT_EQ(queue.pop(at(4)), timers.data());
    }
    for (auto& timer : timers) EXPECT_FALSE(timer.is_armed());
    TimerQueue queue;
    EXPECT_FALSE(queue.cancel(timers[1]));
    EXPECT_FALSE(queue.postpone(timers[1], at(1)));
    ASSERT_TRUE(ok(queue.insert(timers[1], at(3))));
    EXPECT_EQ(queue.pop(at(3)), &timers[1]);
}

TEST(TimerQueue, PostponesOnlyArmedTimers) {
    TimerQueue queue;
    Timer timer;
    EXPECT_FALSE(queue.postpone(timer, at(1)));
    EXPECT_FALSE(timer.is_armed());
    EXPECT_EQ(queue.next(), std::nullopt);
}

TEST(TimerQueue, MovesATimerThatIsPostponedToAnEarlierTime) {
    TimerQueue queue;
    Timer timer, other;
    ASSERT_TRUE(ok(queue.insert(other, at(5))));
    ASSERT_TRUE(ok(queue.insert(timer, at(9))));
    EXPECT_TRUE(queue.postpone(timer, at(20)));
    EXPECT_TRUE(queue.postpone(timer, at(15))); // between its old place and its deadline
    EXPECT_TRUE(queue.postpone(timer, at(2)));
    EXPECT_EQ(queue.next(), at(2));
    EXPECT_EQ(due(queue, at(5)), (List{&timer, &other}));
}

TEST(TimerQueue, HasAnExactNextDeadlineAfterPostponements) {
    TimerQueue queue;
    std::vector<Timer> timers(50);
    std::int64_t index = 0;
    for (auto& timer : timers) ASSERT_TRUE(ok(queue.insert(timer, at(index++))));
    // Each is postponed as long as it is not the first; the first would be moved at once.
    for (auto timer = timers.rbegin(); timer != std::prev(timers.rend()); ++timer)
        EXPECT_TRUE(queue.postpone(*timer, at(1'000 + index--)));
    EXPECT_EQ(queue.next(), at(0));
    EXPECT_TRUE(queue.cancel(timers[0]));
    EXPECT_EQ(queue.next(), at(1'002));
    EXPECT_EQ(queue.pop(at(1'001)), nullptr);
    EXPECT_EQ(queue.pop(at(1'002)), &timers[1]);
    EXPECT_EQ(queue.next(), at(1'003));
    EXPECT_TRUE(queue.postpone(timers[2], at(5'000)));
    EXPECT_EQ(queue.next(), at(1'004));
}

TEST(TimerQueue, ReturnsTimersThatAreInsertedWhileDueOnesArePopped) {
    TimerQueue queue;
    Timer timer;
    ASSERT_TRUE(ok(queue.insert(timer, at(1))));
    for (int again = 0; again < 3; ++again) {
        ASSERT_EQ(queue.pop(at(10)), &timer);
        ASSERT_TRUE(ok(queue.insert(timer, at(2))));
    }
    ASSERT_EQ(queue.pop(at(10)), &timer);
    ASSERT_TRUE(ok(queue.insert(timer, at(11))));
    EXPECT_EQ(queue.pop(at(10)), nullptr);
}

TEST(TimerQueue, IsTheDeadlineOfAPoll) {
    Loop loop;
    TimerQueue queue(2);
    Timer soon, never;
    const auto deadline = mio::time::after(20ms);
    ASSERT_TRUE(ok(queue.insert(soon, deadline)));
    ASSERT_TRUE(ok(queue.insert(never, Time::max())));
    ASSERT_TRUE(ok(loop.poll.poll_until(loop.events, *queue.next())));
    const auto now = Clock::now();
    EXPECT_GE(now, deadline);
    EXPECT_EQ(due(queue, now), List{&soon});
}
