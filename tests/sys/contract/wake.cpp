// Wakers.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <set>
#include <thread>
#include <vector>

#include "contract.hpp"

using namespace test;

TEST_F(Contract, WakesBeforeOneSelectCoalesceIntoOneReadableEvent) {
    Waker waker(selector, id1, must(Waker::open(selector, id1)));
    expect_nothing();
    for (const int wakes : {1, 2, 10}) {
        for (int i = 0; i < wakes; ++i) ASSERT_TRUE(ok(wake(waker)));
        EXPECT_EQ(select(), std::multiset{id1});
        EXPECT_EQ(events[0].readiness(), Readiness::readable);
        expect_nothing();
    }
}

TEST_F(Contract, WakeEndsABlockedSelect) {
    Waker waker(selector, id1, must(Waker::open(selector, id1)));
    for (int i = 0; i < 5; ++i) {
        std::thread other([&] {
            std::this_thread::sleep_for(5ms);
            EXPECT_TRUE(ok(wake(waker)));
        });
        EXPECT_EQ(select(std::nullopt), std::multiset{id1});
        other.join();
    }
}

TEST_F(Contract, WakersAreIndependent) {
    Waker first(selector, id1, must(Waker::open(selector, id1)));
    {
        Waker second(selector, id2, must(Waker::open(selector, id2)));
        ASSERT_TRUE(ok(wake(first)));
        ASSERT_TRUE(ok(wake(second)));
        EXPECT_EQ(select(), (std::multiset{id1, id2}));
        ASSERT_TRUE(ok(wake(first)));
        EXPECT_EQ(select(), std::multiset{id1});
    }
    ASSERT_TRUE(ok(wake(first)));
    EXPECT_EQ(select(), std::multiset{id1});
    expect_nothing();
}

TEST_F(Contract, RegistrationsDoNotLoseAWake) {
    Waker waker(selector, id1, must(Waker::open(selector, id1)));
    const Connection c;
    ASSERT_TRUE(ok(wake(waker)));
    const auto state = add(c, id2, Interest::readable);
    EXPECT_EQ(select(), std::multiset{id1});
    ASSERT_TRUE(ok(wake(waker)));
    ASSERT_TRUE(ok(selector.modify(c.here.fd(), state, id3, Interest::readable, Trigger::level)));
    EXPECT_EQ(select(), std::multiset{id1});
    ASSERT_TRUE(ok(wake(waker)));
    ASSERT_TRUE(ok(remove(c, state)));
    EXPECT_EQ(select(), std::multiset{id1});
}

TEST_F(Contract, WakersThatDoNotFitStayPending) {
    Waker first(selector, id1, must(Waker::open(selector, id1)));
    Waker second(selector, id2, must(Waker::open(selector, id2)));
    auto one = events_for<Backend>(1);
    for (int round = 0; round < 3; ++round) {
        ASSERT_TRUE(ok(wake(first)));
        ASSERT_TRUE(ok(wake(second)));
        auto seen = select_into(one);
        ASSERT_EQ(seen.size(), 1u);
        ASSERT_TRUE(ok(wake(seen.contains(id1) ? second : first))); // still pending: the same event
        seen.merge(select_into(one));
        EXPECT_EQ(seen, (std::multiset{id1, id2}));
        expect_nothing();
    }
}

TEST_F(Contract, RacingWakesAreNotLost) {
    // Each wake is sent as soon as the last was seen, by a thread that races with the wait, and passes a number.
    Waker waker(selector, id1, must(Waker::open(selector, id1)));
    constexpr int rounds = 10'000;
    std::atomic<int> seen = 0;
    int sent = 0; // not atomic: synchronized by `wake` and `select`
    std::thread other([&] {
        for (int i = 1; i <= rounds; ++i) {
            while (seen.load(std::memory_order_acquire) != i - 1) std::this_thread::yield();
            sent = i;
            EXPECT_TRUE(ok(wake(waker)));
        }
    });
    for (int i = 1; i <= rounds; ++i) {
        ASSERT_EQ(select(generous_margin), std::multiset{id1}) << "round " << i;
        EXPECT_EQ(sent, i);
        seen.store(i, std::memory_order_release);
    }
    other.join();
}

TEST_F(Contract, LastWakeOfManyThreadsIsReported) {
    Waker waker(selector, id1, must(Waker::open(selector, id1)));
    constexpr std::size_t threads = 4;
    constexpr std::size_t wakes = 5'000;
    std::array<std::atomic<std::size_t>, threads> sent{};
    std::vector<std::thread> flood;
    for (auto& count : sent) {
        flood.emplace_back([&] {
            for (std::size_t i = 1; i <= wakes; ++i) {
                count.store(i, std::memory_order_relaxed);
                EXPECT_TRUE(ok(wake(waker)));
            }
        });
    }
    // The event after a thread's last wake makes its last number visible.
    const auto all_seen = [&] {
        return std::ranges::all_of(
            sent, [](const auto& count) { return count.load(std::memory_order_relaxed) == wakes; });
    };
    do ASSERT_EQ(select(generous_margin), std::multiset{id1});
    while (!all_seen());
    for (auto& thread : flood) thread.join();
}

// The two wakes meet, and either thread may be suspended in the middle of its own.
TEST_F(Contract, WakeThatMeetsAnotherThreadsIsReportedByTheNextSelect) {
    Waker waker(selector, id1, must(Waker::open(selector, id1)));
    std::atomic<bool> is_over = false;
    std::thread other([&] {
        while (!is_over) EXPECT_TRUE(ok(wake(waker)));
    });
    for (int i = 0; i < 1'000 && !HasFailure(); ++i) {
        EXPECT_TRUE(ok(wake(waker)));
        EXPECT_EQ(select(0ns), std::multiset{id1}) << "in round " << i;
    }
    is_over = true;
    other.join();
}

TEST_F(Contract, WakersCanBeCreatedAndDestroyedDuringSelect) {
    const Waker lasting(selector, id1, must(Waker::open(selector, id1)));
    std::atomic<bool> is_over = false;
    std::thread other([&] {
        for (int i = 0; i < 1'000; ++i) {
            Waker waker(selector, id2, must(Waker::open(selector, id2)));
            EXPECT_TRUE(ok(wake(waker)));
        }
        is_over = true;
    });
    while (!is_over) {
        for (const auto token : select(1ms)) EXPECT_EQ(token, id2);
    }
    other.join();
}

TEST_F(Contract, DestroyedWakerIsNotReported) {
    {
        Waker waker(selector, id1, must(Waker::open(selector, id1)));
        ASSERT_TRUE(ok(wake(waker)));
    }
    expect_nothing();
}
