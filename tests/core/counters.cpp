// PollCounters: what a polling loop does, counted by the calls that it is passed to.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <system_error>
#include <thread>
#include <type_traits>
#include <vector>

#include "support.hpp"

using namespace test;
using mio::PollCounters;

namespace {

constexpr Token id1{1}, id2{2};

} // namespace

static_assert(!std::is_copy_constructible_v<PollCounters> && !std::is_move_constructible_v<PollCounters>);

TEST(PollCounters, StartAtZero) {
    const PollCounters counters;
    EXPECT_EQ(counters.polls(), 0u);
    EXPECT_EQ(counters.events(), 0u);
    EXPECT_EQ(counters.wakes_sent(), 0u);
    EXPECT_EQ(counters.wakes_coalesced(), 0u);
    EXPECT_EQ(counters.time_in_polls(), 0ns);
    EXPECT_EQ(counters.longest_gap(), 0ns);
}

TEST(PollCounters, CountPollsAndEvents) {
    Loop loop;
    PollCounters counters;
    const auto [a, a_peer] = plain::socket_pair();
    const auto [b, b_peer] = plain::socket_pair();
    mio::RawSource first(a.fd()), second(b.fd());
    ASSERT_TRUE(ok(loop.registry().add(first, id1, Interest::writable, mio::Trigger::level)));
    ASSERT_TRUE(ok(loop.registry().add(second, id2, Interest::writable, mio::Trigger::level)));
    std::uint64_t events = 0;
    for (std::uint64_t i = 1; i <= 3; ++i) {
        ASSERT_TRUE(ok(loop.poll.poll(loop.events, 500ms, counters)));
        events += loop.events.size();
        EXPECT_EQ(counters.polls(), i);
        EXPECT_EQ(counters.events(), events);
    }
    // A poll without them is not counted; one that fails is.
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 500ms)));
    EXPECT_EQ(counters.polls(), 3u);
    mio::Events none(0);
    EXPECT_TRUE(fails_with(loop.poll.poll(none, 0ns, counters), mio::Errc::no_capacity));
    EXPECT_EQ(counters.polls(), 4u);
    EXPECT_EQ(counters.events(), events);
    ASSERT_TRUE(ok(loop.poll.poll_until(loop.events, std::chrono::steady_clock::now() + 1h, counters)));
    EXPECT_EQ(counters.polls(), 5u);
    EXPECT_EQ(counters.events(), events + loop.events.size());
}

TEST(PollCounters, MeasureWaitingAndTheGapBetweenPolls) {
    Loop loop;
    PollCounters counters;
    // The gap begins with the end of a poll: this time belongs to none.
    std::this_thread::sleep_for(50ms);
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 20ms, counters)));
    EXPECT_GE(counters.time_in_polls(), 20ms);
    EXPECT_EQ(counters.longest_gap(), 0ns);
    const auto before = std::chrono::steady_clock::now();
    std::this_thread::sleep_for(30ms);
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 0ns, counters)));
    const auto longest = counters.longest_gap();
    EXPECT_GE(longest, 30ms);
    EXPECT_LE(longest, std::chrono::steady_clock::now() - before + 1s);
    // A shorter one changes nothing.
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 0ns, counters)));
    EXPECT_EQ(counters.longest_gap(), longest);
    EXPECT_GE(counters.time_in_polls(), 20ms);
    EXPECT_LT(counters.time_in_polls(), std::chrono::steady_clock::now() - before + 20ms + generous_margin);
}

TEST(PollCounters, CountWakesThatAreSentAndCoalesced) {
    Loop loop;
    PollCounters counters;
    const auto waker = must(mio::Waker::create(loop.registry(), id1));
    const auto other = must(mio::Waker::create(loop.registry(), id2));
    for (std::uint64_t round = 1; round <= 3; ++round) {
        for (int i = 0; i < 5; ++i) ASSERT_TRUE(ok(waker.wake(counters)));
        ASSERT_TRUE(ok(other.wake(counters)));
        EXPECT_EQ(counters.wakes_sent(), 2 * round);
        EXPECT_EQ(counters.wakes_coalesced(), 4 * round);
        ASSERT_TRUE(ok(loop.poll.poll(loop.events, 500ms, counters)));
        EXPECT_EQ(counters.events(), 2 * round);
    }
    // A wake without them still coalesces with a counted one.
    ASSERT_TRUE(ok(waker.wake()));
    ASSERT_TRUE(ok(waker.wake(counters)));
    EXPECT_EQ(counters.wakes_sent(), 6u);
    EXPECT_EQ(counters.wakes_coalesced(), 13u);
    loop.expect({{id1, Interest::readable}});
}

TEST(PollCounters, EveryWakeOfManyThreadsIsCountedOnce) {
    Loop loop;
    PollCounters counters;
    const auto waker = must(mio::Waker::create(loop.registry(), id1));
    std::atomic<int> running = 4;
    constexpr std::uint64_t each = 2000;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (std::uint64_t i = 0; i < each; ++i) EXPECT_TRUE(ok(waker.wake(counters)));
            --running;
            EXPECT_TRUE(ok(waker.wake()));
        });
    }
    std::uint64_t last = 0;
    while (running != 0) {
        ASSERT_TRUE(ok(loop.poll.poll(loop.events, 500ms, counters)));
        // Other threads may read, too.
        EXPECT_GE(counters.wakes_sent() + counters.wakes_coalesced(), last);
        last = counters.wakes_sent() + counters.wakes_coalesced();
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(counters.wakes_sent() + counters.wakes_coalesced(), 4 * each);
    EXPECT_GE(counters.wakes_sent(), counters.events() > 4 ? counters.events() - 4 : 0)
        << "each event has a wake that was sent";
}
