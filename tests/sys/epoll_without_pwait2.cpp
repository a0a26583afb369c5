// Kernels before 5.11 lack epoll_pwait2, and some sandboxes reject it. A seccomp filter in a child process simulates
// both.
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <thread>

#include "posix.hpp"
#include "sandbox.hpp"

import mio.sys.epoll;

using namespace test;
using mio::sys::epoll::Selector;

namespace {

/// The result of epoll_pwait2 with an empty wait.
int pwait2_errno() {
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    ::epoll_event record;
    struct {
        std::int64_t seconds, nanoseconds;
    } const now{0, 0};
    const auto count = ::syscall(SYS_epoll_pwait2, epoll, &record, 1, &now, nullptr, std::size_t{0});
    const int error = count == -1 ? errno : 0;
    ::close(epoll);
    return error;
}

// Newer architectures have only one of the two.
constexpr long epoll_wait_numbers[] = {
    SYS_epoll_pwait,
#ifdef SYS_epoll_wait
    SYS_epoll_wait,
#endif
};

struct EpollLoop {
    Selector selector{must(Selector::open())};
    mio::Events events = events_for<Selector>(16);

    mio::Result<> select(std::optional<std::chrono::nanoseconds> timeout) {
        return selector.select(events, timeout);
    }
};

struct Refusal {
    const char* name;
    int error;
};
void PrintTo(const Refusal& refusal, std::ostream* os) { *os << refusal.name; }

class WithoutPwait2 : public testing::TestWithParam<Refusal> {
  protected:
    /// Runs `f` where epoll_pwait2 is rejected.
    template <class F> testing::AssertionResult holds(F f) {
        return holds_in_child([&] {
            ASSERT_TRUE(forbid_system_call(SYS_epoll_pwait2, GetParam().error)) << "seccomp is unavailable";
            ASSERT_EQ(pwait2_errno(), GetParam().error);
            f();
        });
    }
};

} // namespace

TEST_P(WithoutPwait2, TimeoutsAreRoundedUpAndNeverTooShort) {
    EXPECT_TRUE(holds([] {
        EpollLoop loop;
        for (const auto timeout :
             {1ns, 200'000ns, 999'999ns, 1'000'000ns, 1'000'001ns, 1'500'000ns, 10'000'000ns}) {
            // Repeated: a wait that is too short may overrun by chance.
            for (int i = 0; i < 10; ++i) {
                EXPECT_GE(time_of([&] { EXPECT_TRUE(ok(loop.select(timeout))); }), timeout);
                EXPECT_TRUE(loop.events.empty());
            }
        }
    }));
}

TEST_P(WithoutPwait2, TimeoutBelowOneMillisecondIsRoundedUp) {
    EXPECT_TRUE(holds([] {
        EpollLoop loop;
        for (int i = 0; i < 10; ++i) {
            EXPECT_GE(time_of([&] { EXPECT_TRUE(ok(loop.select(1ns))); }), 1ms);
        }
    }));
}

TEST_P(WithoutPwait2, ZeroAndNegativeTimeoutsDoNotBlock) {
    EXPECT_TRUE(holds([] {
        EpollLoop loop;
        for (const auto timeout : {0ns, -1ns, std::chrono::nanoseconds::min()}) {
            EXPECT_LT(time_of([&] { EXPECT_TRUE(ok(loop.select(timeout))); }), generous_margin);
            EXPECT_TRUE(loop.events.empty());
        }
    }));
}

TEST_P(WithoutPwait2, EventsAreStillReported) {
    EXPECT_TRUE(holds([] {
        EpollLoop loop;
        const auto [here, there] = plain::socket_pair();
        const auto state =
            must(loop.selector.add(here.fd(), Token{1}, Interest::readable, mio::Trigger::edge));
        for (int i = 0; i < 3; ++i) {
            plain::write_all(there, "x");
            ASSERT_TRUE(ok(loop.select(generous_margin)));
            ASSERT_EQ(loop.events.size(), 1u);
            EXPECT_EQ(loop.events[0].token(), Token{1});
            EXPECT_TRUE(loop.events[0].is_readable());
        }
        EXPECT_TRUE(ok(loop.selector.remove(here.fd(), state)));
    }));
}

TEST_P(WithoutPwait2, FallbackOnTheFirstCallLosesNoEvent) {
    EXPECT_TRUE(holds([] {
        EpollLoop loop;
        const auto [here, there] = plain::socket_pair();
        must(loop.selector.add(here.fd(), Token{1}, Interest::writable, mio::Trigger::edge));
        ASSERT_TRUE(ok(loop.select(1ms))); // tries epoll_pwait2, then falls back
        EXPECT_EQ(loop.events.size(), 1u);
    }));
}

TEST_P(WithoutPwait2, OverlongTimeoutsAreClampedAndDoNotWrap) {
    EXPECT_TRUE(holds([] {
        for (const auto timeout :
             {std::chrono::nanoseconds(2'147'483'647ms), std::chrono::nanoseconds(2'147'483'648ms),
              std::chrono::nanoseconds(4'294'967'295ms), std::chrono::nanoseconds(4'294'967'297ms),
              std::chrono::nanoseconds::max() - 1ns, std::chrono::nanoseconds::max()}) {
            EpollLoop loop;
            Selector::Waker waker(loop.selector, Token{1},
                                  must(Selector::Waker::open(loop.selector, Token{1})));
            std::thread other([&] {
                std::this_thread::sleep_for(5ms); // later is harmless
                EXPECT_TRUE(ok(mio::sys::wake(waker)));
            });
            EXPECT_TRUE(ok(loop.select(timeout)));
            other.join();
            EXPECT_EQ(loop.events.size(), 1u)
                << "returned early after asking for " << timeout.count() << " ns";
        }
    }));
}

// The filter makes epoll_wait's longest timeout, 2^31 - 1 ms, return immediately, as if it had expired.
TEST_P(WithoutPwait2, OverlongTimeoutsUseSeveralWaits) {
    EXPECT_TRUE(holds([] {
        for (const auto number : epoll_wait_numbers) ASSERT_TRUE(skip_system_call(number, 3, INT_MAX));
        constexpr std::chrono::milliseconds most{INT_MAX};
        EpollLoop loop;
        for (const auto turns : {1, 2, 3}) {
            EXPECT_GE(time_of([&] { EXPECT_TRUE(ok(loop.select(turns * most + 50ms))); }), 50ms);
            EXPECT_TRUE(loop.events.empty());
        }
    }));
}

INSTANTIATE_TEST_SUITE_P(Refusals, WithoutPwait2,
                         testing::Values(Refusal{"OldKernel", ENOSYS}, Refusal{"Sandbox", EPERM}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(WithPwait2, OtherErrorsDoNotCauseTheFallback) {
    // Other failures are returned to the caller.
    EXPECT_TRUE(holds_in_child([] {
        ASSERT_TRUE(forbid_system_call(SYS_epoll_pwait2, EIO)) << "seccomp is unavailable";
        EpollLoop loop;
        EXPECT_TRUE(fails_with(loop.select(1ms), std::errc::io_error));
        EXPECT_TRUE(loop.events.empty());
    }));
}
