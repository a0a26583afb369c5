// Waker::wake in signal handlers.
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <optional>
#include <thread>
#include <vector>

#include "support.hpp"

using namespace test;
using Clock = std::chrono::steady_clock;

namespace {

constexpr Token id1{1};

std::atomic<const mio::Waker*> woken_by_handler = nullptr;
std::atomic<int> handled = 0;
std::atomic<int> failed = 0;
static_assert(std::atomic<const mio::Waker*>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

/// A handler for SIGUSR2 that wakes, without saving errno.
class WakingHandler {
  public:
    explicit WakingHandler(const mio::Waker& waker) {
        woken_by_handler = &waker;
        handled = failed = 0;
        struct sigaction action{};
        action.sa_handler = [](int) {
            if (!woken_by_handler.load()->wake()) ++failed;
            ++handled;
        };
        ::sigaction(SIGUSR2, &action, &before_);
    }
    ~WakingHandler() {
        ::sigaction(SIGUSR2, &before_, nullptr);
        EXPECT_EQ(failed.load(), 0);
    }

  private:
    struct sigaction before_{};
};

/// Polls until the waker is reported; a signal may end any of the waits.
bool is_woken(Loop& loop) {
    const auto deadline = Clock::now() + generous_margin;
    while (loop.poll.poll_until(loop.events, deadline)) {
        if (loop.events.empty()) return false;
        for (const auto& event : loop.events) {
            if (event.token() == id1) return true;
        }
    }
    return false;
}

} // namespace

TEST(WakerInHandler, WakesThePollThatTheSignalInterrupts) {
    Loop loop;
    const auto waker = must(mio::Waker::create(loop.registry(), id1));
    WakingHandler handler(waker);
    for (int i = 1; i <= 20; ++i) {
        std::thread signalling([victim = ::pthread_self()] {
            std::this_thread::sleep_for(1ms);
            EXPECT_EQ(::pthread_kill(victim, SIGUSR2), 0);
        });
        EXPECT_TRUE(is_woken(loop));
        signalling.join();
        EXPECT_EQ(handled.load(), i);
    }
    loop.expect_none();
}

TEST(WakerInHandler, WakesThePollOfAnotherThread) {
    Loop loop;
    const auto waker = must(mio::Waker::create(loop.registry(), id1));
    WakingHandler handler(waker);
    for (int i = 0; i < 20; ++i) {
        std::thread polling([&] { EXPECT_TRUE(is_woken(loop)); });
        ::raise(SIGUSR2); // handled by this thread
        polling.join();
    }
}

TEST(WakerInHandler, KeepsErrno) {
    Loop loop;
    const auto waker = must(mio::Waker::create(loop.registry(), id1));
    WakingHandler handler(waker);
    for (int i = 0; i < 3; ++i) {
        errno = E2BIG;
        ::raise(SIGUSR2);
        const int kept = errno;
        EXPECT_EQ(kept, E2BIG);
        EXPECT_TRUE(is_woken(loop));
    }
    // Also if another thread waits, which takes a system call on every backend.
    std::atomic<int> reports = 0;
    std::atomic<bool> stop = false;
    std::thread polling([&] {
        while (!stop) {
            if (is_woken(loop)) ++reports;
        }
    });
    const auto deadline = Clock::now() + generous_margin; // the thread may begin late
    for (int i = 0; i < 200 || (reports == 0 && Clock::now() < deadline); ++i) {
        errno = E2BIG;
        ::raise(SIGUSR2);
        const int kept = errno;
        EXPECT_EQ(kept, E2BIG);
        if (i % 10 == 0) std::this_thread::sleep_for(1ms); // so that the thread waits again
    }
    stop = true;
    ::raise(SIGUSR2);
    polling.join();
    EXPECT_GT(reports.load(), 0);
}

// The signals interrupt polls, wakes of the same waker, and each other's threads at any point.
TEST(WakerInHandler, SurvivesAStorm) {
    Loop loop;
    const auto waker = must(mio::Waker::create(loop.registry(), id1));
    WakingHandler handler(waker);
    std::atomic<bool> stop = false;
    std::atomic<int> reports = 0;
    std::thread polling([&] {
        while (!stop) {
            if (is_woken(loop)) ++reports;
        }
    });
    std::vector<std::thread> waking;
    for (int t = 0; t < 2; ++t) {
        waking.emplace_back([&] {
            while (!stop) EXPECT_TRUE(ok(waker.wake()));
        });
    }
    const auto deadline = Clock::now() + generous_margin; // the polling thread may begin late
    for (int i = 0; i < 500 || (reports == 0 && Clock::now() < deadline); ++i) {
        EXPECT_EQ(::pthread_kill(polling.native_handle(), SIGUSR2), 0);
        for (auto& thread : waking) EXPECT_EQ(::pthread_kill(thread.native_handle(), SIGUSR2), 0);
        ::raise(SIGUSR2);
        if (i % 50 == 0) std::this_thread::sleep_for(1ms);
    }
    EXPECT_GE(handled.load(), 500);
    stop = true;
    for (auto& thread : waking) thread.join();
    ::raise(SIGUSR2);
    polling.join();
    EXPECT_GT(reports.load(), 0);
    // At most one wake-up is left; the waker still works.
    EXPECT_TRUE(ok(loop.poll.poll(loop.events, 0ns)));
    EXPECT_TRUE(ok(waker.wake()));
    EXPECT_TRUE(is_woken(loop));
    loop.expect_none();
}
