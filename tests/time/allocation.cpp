// Timers allocate no memory up to the capacity, and lose nothing if there is none beyond it.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <new>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "counted_heap.hpp"

#include "support.hpp"

import mio.time;

using namespace test;
using mio::time::Clock;
using mio::time::Timer;
using mio::time::TimerId;
using mio::time::TimerQueue;
using mio::time::Timers;
using Time = Clock::time_point;

namespace {

constexpr std::size_t huge = std::numeric_limits<std::size_t>::max();

constexpr Time at(std::size_t nanoseconds) {
    return Time(std::chrono::nanoseconds(static_cast<std::int64_t>(nanoseconds)));
}

/// Number of bytes that `f` allocates.
template <class F> std::size_t bytes_in(F&& f) {
    const auto before = heap.allocated_bytes.load();
    f();
    return heap.allocated_bytes - before;
}

/// Lets every allocation fail for its lifetime.
struct ShortOfMemory {
    ShortOfMemory() { heap.is_short = true; }
    ~ShortOfMemory() { heap.is_short = false; }
};

} // namespace

TEST(TimerAllocation, IsCounted) {
    EXPECT_GT(allocations_in([] { ::operator delete(::operator new(8)); }), 0U);
}

TEST(TimerAllocation, IsNotNeededUpToTheCapacityOfAQueue) {
    constexpr std::size_t capacity = 1'001;
    std::vector<Timer> timers(capacity + 1);
    std::optional<TimerQueue> queue;
    EXPECT_EQ(allocations_in([&] { queue.emplace(capacity); }), 1U);
    EXPECT_EQ(queue->capacity(), capacity);
    bool succeeded = true;
    EXPECT_EQ(allocations_in([&] {
                  for (int round = 0; round < 3; ++round) {
                      for (std::size_t i = 0; i < capacity; ++i)
                          succeeded &= queue->insert(timers[i], at(i * 7 % 100)).has_value();
                      for (std::size_t i = 0; i < capacity; i += 3) queue->cancel(timers[i]);
                      for (std::size_t i = 1; i < capacity; i += 3)
                          queue->postpone(timers[i], at(i * 11 % 200));
                      for (std::size_t i = 0; i < capacity; i += 3)
                          succeeded &= queue->insert(timers[i], at(i)).has_value();
                      succeeded &= queue->size() == capacity;
                      while (queue->pop(at(50)) != nullptr) {
                      }
                  }
              }),
              0U);
    EXPECT_TRUE(succeeded);
    for (std::size_t i = 0; i < capacity; ++i) ASSERT_TRUE(ok(queue->insert(timers[i], at(i))));
    EXPECT_GT(allocations_in([&] { succeeded = queue->insert(timers[capacity], at(1)).has_value(); }), 0U);
    EXPECT_TRUE(succeeded);
    EXPECT_EQ(queue->size(), capacity + 1);
}

TEST(TimerAllocation, IsNotNeededUpToTheCapacityOfTimers) {
    constexpr std::size_t capacity = 1'001;
    std::vector<TimerId> ids(capacity + 1);
    Timers timers(capacity);
    bool succeeded = true;
    const auto insert = [&](std::size_t i) {
        const auto id = timers.insert(at(i * 7 % 100), Token{i});
        succeeded &= id.has_value();
        if (id) ids[i] = *id;
    };
    EXPECT_EQ(allocations_in([&] {
                  for (int round = 0; round < 3; ++round) {
                      for (std::size_t i = 0; i < capacity; ++i) insert(i);
                      for (std::size_t i = 0; i < capacity; i += 3) timers.cancel(ids[i]);
                      for (std::size_t i = 1; i < capacity; i += 3) timers.postpone(ids[i], at(i * 11 % 200));
                      for (std::size_t i = 0; i < capacity; i += 3) insert(i);
                      succeeded &= timers.size() == capacity;
                      while (timers.pop(at(1'000))) {
                      }
                  }
              }),
              0U);
    EXPECT_TRUE(succeeded);
    for (std::size_t i = 0; i < capacity; ++i) insert(i);
    EXPECT_GT(allocations_in([&] { insert(capacity); }), 0U);
    EXPECT_TRUE(succeeded);
}

TEST(TimerAllocation, TakesAtMost48BytesForEachTimer) {
    if (sizeof(void*) != 8) GTEST_SKIP() << "for 64-bit systems";
    constexpr std::size_t capacity = 10'000;
    const auto queue = bytes_in([] { const TimerQueue made(capacity); });
    EXPECT_LE(queue + capacity * sizeof(Timer), capacity * 48 + 64);
    EXPECT_LE(bytes_in([] { const Timers made(capacity); }), capacity * 48 + 128);
}

TEST(TimerAllocation, IsNotMadeWithoutCapacity) {
    EXPECT_EQ(allocations_in([] {
                  const TimerQueue queue;
                  const Timers timers;
              }),
              0U);
}

TEST(TimerAllocation, IsRareWhileTheyGrow) {
    constexpr std::size_t count = 10'000;
    std::vector<Timer> owned(count);
    TimerQueue queue;
    Timers timers;
    bool succeeded = true;
    EXPECT_LE(allocations_in([&] {
                  for (std::size_t i = 0; i < count; ++i)
                      succeeded &= queue.insert(owned[i], at(i)).has_value();
              }),
              15U);
    EXPECT_LE(allocations_in([&] {
                  for (std::size_t i = 0; i < count; ++i)
                      succeeded &= timers.insert(at(i), Token{i}).has_value();
              }),
              30U); // two at a time
    EXPECT_TRUE(succeeded);
}

TEST(TimerAllocation, IsGivenBack) {
    const auto before = heap.freed.load();
    const auto made = allocations_in([] {
        TimerQueue queue(3), unused(5);
        Timers timers(3);
        for (std::size_t i = 0; i < 100; ++i) static_cast<void>(timers.insert(at(i), Token{i}));
        static_cast<void>(queue.reserve(10));
        static_cast<void>(queue.reserve(50));
        Timers moved(std::move(timers)), assigned(7);
        assigned = std::move(moved);
    });
    EXPECT_EQ(heap.freed - before, made);
}

TEST(TimerAllocation, FailureOfAQueueToGrowLosesNothing) {
    TimerQueue queue(3), other(1);
    std::vector<Timer> timers(5);
    for (std::size_t i = 0; i < 3; ++i) ASSERT_TRUE(ok(queue.insert(timers[i], at(10 - i))));
    ASSERT_TRUE(ok(other.insert(timers[4], at(1))));
    {
        const ShortOfMemory now;
        const auto fresh = queue.insert(timers[3], at(1));
        const auto of_another = queue.insert(timers[4], at(2));
        const auto moved = queue.insert(timers[0], at(20)); // needs no memory
        heap.is_short = false;
        EXPECT_TRUE(fails_with(fresh, std::errc::not_enough_memory));
        EXPECT_TRUE(fails_with(of_another, std::errc::not_enough_memory));
        EXPECT_EQ(fresh.error().category(), mio::os_category());
        EXPECT_TRUE(ok(moved));
    }
    EXPECT_FALSE(timers[3].is_armed());
    EXPECT_EQ(other.next(), at(1)) << "the timer has left its queue";
    EXPECT_EQ(queue.size(), 3U);
    ASSERT_TRUE(ok(queue.insert(timers[3], at(1))));
    std::vector<Timer*> popped;
    while (auto* const timer = queue.pop(at(100))) popped.push_back(timer);
    EXPECT_EQ(popped, (std::vector<Timer*>{&timers[3], &timers[2], &timers[1], &timers[0]}));
}

TEST(TimerAllocation, FailureOfTimersToGrowLosesNothing) {
    Timers timers(2);
    const auto first = must(timers.insert(at(9), Token{1}));
    must(timers.insert(at(8), Token{2}));
    for (int round = 0; round < 2; ++round) {
        heap.is_short = true;
        const auto fresh = timers.insert(at(1), Token{3});
        heap.is_short = false;
        EXPECT_TRUE(fails_with(fresh, std::errc::not_enough_memory));
        EXPECT_EQ(timers.size(), 2U);
    }
    must(timers.insert(at(1), Token{4}));
    EXPECT_EQ(timers.pop(at(100)), Token{4});
    EXPECT_TRUE(timers.cancel(first)) << "an id is invalid after growth";
    EXPECT_EQ(timers.pop(at(100)), Token{2});
    EXPECT_EQ(timers.pop(at(100)), std::nullopt);
}

// The slots and the heap are separate allocations.
TEST(TimerAllocation, FailureOfOneAllocationOfTimersLosesNothing) {
    for (std::size_t which = 1; which <= 2; ++which) {
        Timers timers(2);
        const auto first = must(timers.insert(at(1), Token{1}));
        must(timers.insert(at(2), Token{2}));
        heap.failing = heap.allocations + which;
        const auto refused = timers.insert(at(3), Token{3});
        heap.failing = 0;
        ASSERT_TRUE(fails_with(refused, std::errc::not_enough_memory));
        EXPECT_EQ(timers.capacity(), 2U);
        EXPECT_TRUE(timers.cancel(first));
        for (std::size_t i = 4; i < 100; ++i) must(timers.insert(at(i), Token{i}));
        EXPECT_EQ(timers.pop(at(3)), Token{2});
        EXPECT_EQ(timers.pop(at(4)), Token{4});
    }
    Timers timers(2);
    for (const auto capacity : {huge, huge / 64})
        EXPECT_TRUE(fails_with(timers.reserve(capacity), std::errc::not_enough_memory));
    EXPECT_EQ(timers.capacity(), 2U);
}

TEST(TimerAllocation, OfAnImpossibleCapacityFails) {
    EXPECT_THROW(const TimerQueue queue(huge), std::bad_alloc);
    EXPECT_THROW(const TimerQueue queue(huge / 16), std::bad_alloc);
    EXPECT_THROW(const Timers timers(huge), std::bad_alloc);
    TimerQueue queue(1);
    for (const auto capacity : {huge, huge / 2, huge / 16, huge / 32})
        EXPECT_TRUE(fails_with(queue.reserve(capacity), std::errc::not_enough_memory));
    EXPECT_EQ(queue.capacity(), 1U);
    heap.is_short = true;
    bool thrown = false;
    try {
        const TimerQueue made(8);
    } catch (const std::bad_alloc&) {
        thrown = true;
    }
    heap.is_short = false;
    EXPECT_TRUE(thrown);
}

TEST(TimerAllocation, ReserveMakesRoom) {
    TimerQueue queue;
    Timers timers;
    ASSERT_TRUE(ok(queue.reserve(100)));
    ASSERT_TRUE(ok(timers.reserve(100)));
    EXPECT_EQ(allocations_in([&] {
                  static_cast<void>(queue.reserve(3)); // less than it has
                  static_cast<void>(queue.reserve(100));
                  static_cast<void>(timers.reserve(3));
                  static_cast<void>(timers.reserve(100));
              }),
              0U);
    EXPECT_EQ(queue.capacity(), 100U);
    EXPECT_EQ(timers.capacity(), 100U);
    std::vector<Timer> owned(100);
    bool succeeded = true;
    EXPECT_EQ(allocations_in([&] {
                  for (auto& timer : owned) {
                      succeeded &= queue.insert(timer, at(1)).has_value();
                      succeeded &= timers.insert(at(1), Token{1}).has_value();
                  }
              }),
              0U);
    EXPECT_TRUE(succeeded);
}

TEST(TimerAllocation, IsNotMadeByAnAlarm) {
    Loop loop;
    auto alarm = mio::time::Alarm::create();
    if (!alarm) GTEST_SKIP() << alarm.error().message();
    must(loop.registry().add(*alarm, Token{1}, Interest::readable));
    bool succeeded = true;
    EXPECT_EQ(allocations_in([&] {
                  for (int round = 0; round < 3; ++round) {
                      succeeded &= alarm->arm(mio::time::after(1ms)).has_value();
                      succeeded &= loop.poll.poll(loop.events).has_value();
                      succeeded &= alarm->disarm().has_value();
                  }
              }),
              0U);
    EXPECT_TRUE(succeeded);
}
