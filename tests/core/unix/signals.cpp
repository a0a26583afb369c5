#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "support.hpp"

using namespace test;
using Clock = std::chrono::steady_clock;

namespace {

std::atomic<int> handled = 0;
static_assert(std::atomic<int>::is_always_lock_free);

/// A handler for SIGUSR1 with SA_RESTART; epoll_wait and similar calls are never restarted.
class Handler {
  public:
    Handler() {
        handled = 0;
        struct sigaction action{};
        action.sa_handler = [](int) { handled.fetch_add(1); };
        action.sa_flags = SA_RESTART;
        ::sigaction(SIGUSR1, &action, &before_);
    }
    ~Handler() { ::sigaction(SIGUSR1, &before_, nullptr); }

  private:
    struct sigaction before_{};
};

/// Sends SIGUSR1 repeatedly to the thread that created it until it is destroyed, so that at least one signal arrives
/// while that thread waits.
class Nuisance {
  public:
    Nuisance()
        : thread_([this, victim = ::pthread_self()] {
              while (!enough_.load()) {
                  std::this_thread::sleep_for(2ms);
                  EXPECT_EQ(::pthread_kill(victim, SIGUSR1), 0);
              }
          }) {}
    ~Nuisance() {
        enough_ = true;
        thread_.join();
    }

  private:
    std::atomic<bool> enough_ = false;
    std::thread thread_;
};

} // namespace

TEST(Signal, InterruptsAPollWithoutTimeout) {
    Handler handler;
    Loop loop;
    // Events of an earlier poll are cleared.
    const auto waker = must(mio::Waker::create(loop.registry(), Token{1}));
    ASSERT_TRUE(ok(waker.wake()));
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 500ms)));
    ASSERT_EQ(loop.events.size(), 1u);

    Nuisance nuisance;
    const auto polled = loop.poll.poll(loop.events);
    ASSERT_FALSE(polled);
    EXPECT_TRUE(mio::interrupted(polled.error())) << polled.error();
    EXPECT_TRUE(fails_with(polled, std::errc::interrupted));
    EXPECT_TRUE(loop.events.empty());
    EXPECT_GE(handled.load(), 1);
}

TEST(Signal, InterruptsAPollWithTimeout) {
    Handler handler;
    Loop loop;
    const auto waker = must(mio::Waker::create(loop.registry(), Token{1}));
    ASSERT_TRUE(ok(waker.wake()));
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 500ms)));
    Nuisance nuisance;
    EXPECT_LT(
        time_of([&] { EXPECT_TRUE(fails_with(loop.poll.poll(loop.events, 1h), std::errc::interrupted)); }),
        generous_margin);
    EXPECT_TRUE(loop.events.empty());
}

TEST(Signal, LosesNoEvent) {
    Handler handler;
    Loop loop;
    const auto waker = must(mio::Waker::create(loop.registry(), Token{1}));
    {
        Nuisance nuisance;
        EXPECT_TRUE(fails_with(loop.poll.poll(loop.events), std::errc::interrupted));
    }
    ASSERT_TRUE(ok(waker.wake()));
    loop.expect({{Token{1}, Interest::readable}});
}

TEST(Signal, DoesNotEndPollUntil) {
    Handler handler;
    for (const bool counts : {false, true}) {
        handled = 0;
        Loop loop;
        mio::PollCounters counters;
        const auto deadline = Clock::now() + 100ms;
        {
            Nuisance nuisance;
            EXPECT_TRUE(ok(counts ? loop.poll.poll_until(loop.events, deadline, counters)
                                  : loop.poll.poll_until(loop.events, deadline)));
        }
        EXPECT_GE(Clock::now(), deadline) << "the wait continues for the remaining time";
        EXPECT_LT(Clock::now(), deadline + generous_margin)
            << "the wait continues for the remaining time, not for the whole timeout";
        EXPECT_TRUE(loop.events.empty());
        EXPECT_GE(handled.load(), 2) << "too few signals were delivered";
    }
}

TEST(Signal, DoesNotKeepAnEventFromEndingPollUntil) {
    Handler handler;
    Loop loop;
    const auto waker = must(mio::Waker::create(loop.registry(), Token{1}));
    Nuisance nuisance;
    std::thread other([&] {
        while (handled.load() < 3) std::this_thread::sleep_for(1ms);
        EXPECT_TRUE(ok(waker.wake()));
    });
    EXPECT_TRUE(ok(loop.poll.poll_until(loop.events, Clock::time_point::max())));
    other.join();
    ASSERT_EQ(loop.events.size(), 1u);
    EXPECT_EQ(loop.events[0].token(), Token{1});
}
