#include <array>
#include <atomic>
#include <cstddef>
#include <optional>
#include <thread>
#include <vector>

#include "support.hpp"

using namespace test;

namespace {

/// A wake that has not arrived by then is lost.
constexpr auto lost = generous_margin;

void spin_until(const std::atomic<int>& step, int value) {
    // Relaxed: only the waker orders the threads' accesses.
    while (step.load(std::memory_order_relaxed) != value) std::this_thread::yield();
}

} // namespace

TEST(WakerThreads, PingPongLosesNoWake) {
    // Each thread waits for the other's wake before waking it again: a lost wake stops both.
    const int rounds =
        is_wine() ? 20'000 : 100'000; // on Wine every wake goes through a server shared by all programs
    struct Side {
        Loop loop;
        mio::Waker waker = must(mio::Waker::create(loop.registry(), Token{1}));
        int ball = 0; // not atomic: synchronized by the wake alone
    };
    Side ping;
    Side pong;
    std::atomic<bool> failed = false;
    const auto receive = [&](Side& side, int expected) {
        const auto polled = side.loop.poll.poll(side.loop.events, lost);
        if (polled && side.loop.events.size() == 1 && side.ball == expected) return;
        if (!failed.exchange(true)) {
            ADD_FAILURE() << "round " << expected << ": " << side.loop.events.size() << " events";
        }
    };
    const auto send = [&](Side& side, int ball) {
        side.ball = ball;
        if (!side.waker.wake()) failed = true;
    };
    std::thread other([&] {
        for (int i = 1; i <= rounds && !failed; ++i) {
            receive(pong, i);
            send(ping, i);
        }
    });
    for (int i = 1; i <= rounds && !failed; ++i) {
        send(pong, i);
        receive(ping, i);
    }
    other.join();
    EXPECT_FALSE(failed);
}

TEST(WakerThreads, WritesBeforeAWakeAreVisibleAfterThePollThatReportsIt) {
    // Each thread passes a number through plain memory and writes the next one after the reader took it.
    constexpr std::size_t threads = 4;
    constexpr int numbers = 5'000;
    struct Slot {
        int value = 0; // not atomic: ThreadSanitizer checks that the wake orders the accesses
        std::atomic<int> taken = 0;
    };
    Loop loop;
    std::array<Slot, threads> slots;
    std::vector<mio::Waker> wakers;
    for (std::size_t i = 0; i < threads; ++i) {
        wakers.push_back(must(mio::Waker::create(loop.registry(), Token{i})));
    }
    std::atomic<bool> failed = false;
    std::vector<std::thread> workers;
    for (std::size_t i = 0; i < threads; ++i) {
        workers.emplace_back([&, i] {
            for (int n = 1; n <= numbers && !failed; ++n) {
                slots[i].value = n;
                if (!wakers[i].wake()) failed = true;
                while (slots[i].taken.load(std::memory_order_acquire) != n && !failed)
                    std::this_thread::yield();
            }
        });
    }
    std::array<int, threads> last{};
    for (std::size_t done = 0; done < threads && !failed;) {
        const auto polled = loop.poll.poll(loop.events, lost);
        if (!polled || loop.events.empty()) {
            failed = true;
            ADD_FAILURE() << "lost wake";
        }
        for (const auto& event : loop.events) {
            const auto i = event.token().value;
            const int value = slots[i].value;
            if (value != last[i] + 1) {
                failed = true;
                ADD_FAILURE() << "thread " << i << ": " << value << " after " << last[i];
            }
            last[i] = value;
            slots[i].taken.store(value, std::memory_order_release);
            if (value == numbers) ++done;
        }
    }
    for (auto& worker : workers) worker.join();
    EXPECT_FALSE(failed);
}

TEST(WakerThreads, CoalescedWakePublishesWritesToo) {
    // The second thread's wake makes no system call; the poll must still see that thread's writes.
    for (int round = 0; round < 200; ++round) {
        Loop loop;
        const auto waker = must(mio::Waker::create(loop.registry(), Token{1}));
        std::atomic<int> step = 0;
        int first = 0;
        int second = 0;
        std::thread one([&] {
            first = 1;
            EXPECT_TRUE(ok(waker.wake()));
            step.store(1, std::memory_order_relaxed);
        });
        std::thread other([&] {
            spin_until(step, 1);
            second = 2;
            EXPECT_TRUE(ok(waker.wake()));
            step.store(2, std::memory_order_relaxed);
        });
        spin_until(step, 2);
        EXPECT_TRUE(ok(loop.poll.poll(loop.events, lost)));
        EXPECT_EQ(loop.events.size(), 1u);
        EXPECT_EQ(first, 1);
        EXPECT_EQ(second, 2);
        one.join();
        other.join();
    }
}

TEST(WakerThreads, WakerSharedByManyThreadsLosesNoWake) {
    // All threads wake through one waker without pause. A count incremented before a wake is visible after the poll
    // that reports it.
    constexpr int threads = 4;
    constexpr int wakes = 20'000;
    Loop loop;
    const auto waker = must(mio::Waker::create(loop.registry(), Token{1}));
    std::atomic<int> sent = 0;
    std::vector<std::thread> workers;
    for (int i = 0; i < threads; ++i) {
        workers.emplace_back([&] {
            for (int n = 0; n < wakes; ++n) {
                sent.fetch_add(1, std::memory_order_relaxed);
                EXPECT_TRUE(ok(waker.wake()));
            }
        });
    }
    // A wake follows the last increment, so some poll returns after it and sees the whole sum.
    bool lost_one = false;
    while (sent.load(std::memory_order_relaxed) != threads * wakes) {
        EXPECT_TRUE(ok(loop.poll.poll(loop.events, lost)));
        if (loop.events.empty()) {
            lost_one = true;
            break;
        }
    }
    for (auto& worker : workers) worker.join();
    EXPECT_FALSE(lost_one) << "stopped at " << sent.load();
    // The waker still works afterwards.
    EXPECT_TRUE(ok(loop.poll.poll(loop.events, 0ns)));
    EXPECT_TRUE(ok(waker.wake()));
    loop.expect({{Token{1}, Interest::readable}});
    loop.expect_none();
}

TEST(WakerThreads, ManyWakersWithCapacityOneLoseNoWake) {
    // Each thread waits for the report of its wake: with capacity one the others have to wait their turn.
    constexpr std::size_t threads = 4;
    constexpr int rounds = 5'000;
    Loop loop;
    mio::Events one(1);
    std::vector<mio::Waker> wakers;
    std::array<std::atomic<int>, threads> seen{};
    for (std::size_t i = 0; i < threads; ++i) {
        wakers.push_back(must(mio::Waker::create(loop.registry(), Token{i})));
    }
    std::atomic<bool> failed = false;
    std::vector<std::thread> workers;
    for (std::size_t i = 0; i < threads; ++i) {
        workers.emplace_back([&, i] {
            for (int n = 1; n <= rounds && !failed; ++n) {
                if (!wakers[i].wake()) failed = true;
                while (seen[i] != n && !failed) std::this_thread::yield();
            }
        });
    }
    for (std::size_t total = 0; total < threads * rounds && !failed; ++total) {
        EXPECT_TRUE(ok(loop.poll.poll(one, lost)));
        if (one.size() != 1) {
            failed = true;
            ADD_FAILURE() << "lost wake after " << total;
            break;
        }
        ++seen[one[0].token().value];
    }
    for (auto& worker : workers) worker.join();
    EXPECT_FALSE(failed);
    EXPECT_TRUE(ok(loop.poll.poll(one, 0ns)));
    EXPECT_TRUE(one.empty()) << "no event beyond the wakes sent";
}

TEST(WakerThreads, WakersCanBeCreatedAndDestroyedDuringPoll) {
    constexpr int rounds = 500;
    Loop loop;
    const auto steady = must(mio::Waker::create(loop.registry(), Token{0}));
    const auto [here, there] = plain::socket_pair();
    std::atomic<bool> stop = false;
    std::vector<std::thread> makers;
    for (std::size_t t = 1; t <= 3; ++t) {
        makers.emplace_back([&, t] {
            const auto registry = must(loop.registry().try_clone());
            for (int n = 0; n < rounds; ++n) {
                std::vector<mio::Waker> some;
                for (std::size_t i = 0; i < 3; ++i) {
                    some.push_back(must(mio::Waker::create(registry, Token{t * 10 + i})));
                    EXPECT_TRUE(ok(some.back().wake()));
                }
                EXPECT_TRUE(ok(some[1].wake()));
                some.erase(some.begin() + n % 3);
                for (const auto& waker : some) EXPECT_TRUE(ok(waker.wake()));
            }
        });
    }
    std::thread waking([&] {
        while (!stop) EXPECT_TRUE(ok(steady.wake()));
    });
    std::thread joining([&] {
        for (auto& maker : makers) maker.join();
        stop = true;
        EXPECT_TRUE(ok(steady.wake()));
    });
    std::size_t steady_seen = 0;
    // until the last wake is reported, if the waking thread did not get that far before
    while (!stop || steady_seen == 0) {
        EXPECT_TRUE(ok(loop.poll.poll(loop.events, lost)));
        ASSERT_FALSE(loop.events.empty());
        for (const auto& event : loop.events) {
            EXPECT_TRUE(event.is_readable());
            EXPECT_LT(event.token().value, 40u);
            if (event.token() == Token{0}) ++steady_seen;
        }
    }
    joining.join();
    waking.join();
    EXPECT_GT(steady_seen, 0u);
    // At most one event of the remaining waker is left over.
    EXPECT_TRUE(ok(loop.poll.poll(loop.events, 0ns)));
    EXPECT_TRUE(ok(steady.wake()));
    loop.expect({{Token{0}, Interest::readable}});
    loop.expect_none();
}

TEST(WakerThreads, WakerCanOutliveItsPollWhileWaking) {
    for (int round = 0; round < 100; ++round) {
        auto loop = std::optional<Loop>(std::in_place);
        const auto waker = must(mio::Waker::create(loop->registry(), Token{1}));
        std::atomic<bool> stop = false;
        std::thread waking([&] {
            while (!stop) EXPECT_TRUE(ok(waker.wake()));
        });
        EXPECT_TRUE(ok(loop->poll.poll(loop->events, lost)));
        EXPECT_EQ(loop->events.size(), 1u);
        loop.reset();
        EXPECT_TRUE(ok(waker.wake()));
        stop = true;
        waking.join();
    }
}
