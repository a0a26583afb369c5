#include <chrono>
#include <optional>
#include <ostream>
#include <string>
#include <thread>

#include "support.hpp"

using namespace test;
using Clock = std::chrono::steady_clock;

namespace {

/// Ends a poll from another thread after a short delay.
class LateWake {
  public:
    explicit LateWake(const mio::Registry& registry, Token token = Token{99})
        : waker_(must(mio::Waker::create(registry, token))), thread_([this] {
              std::this_thread::sleep_for(20ms); // later is harmless
              EXPECT_TRUE(ok(waker_.wake()));
          }) {}
    ~LateWake() { thread_.join(); }

  private:
    mio::Waker waker_;
    std::thread thread_;
};

struct Wait {
    std::chrono::nanoseconds length;
};
void PrintTo(const Wait& wait, std::ostream* os) { *os << wait.length.count() << "ns"; }

class Timeout : public testing::TestWithParam<Wait> {
  protected:
    const std::chrono::nanoseconds timeout = GetParam().length;
};

} // namespace

TEST_P(Timeout, PollNeverReturnsEarly) {
    Loop loop;
    // Repeated: a wait that is too short may overrun by chance.
    for (int i = 0; i < 10; ++i) {
        EXPECT_GE(time_of([&] { ASSERT_TRUE(ok(loop.poll.poll(loop.events, timeout))); }), timeout);
        EXPECT_TRUE(loop.events.empty());
    }
}

TEST_P(Timeout, PollUntilNeverReturnsEarly) {
    Loop loop;
    for (int i = 0; i < 10; ++i) {
        const auto deadline = Clock::now() + timeout;
        ASSERT_TRUE(ok(loop.poll.poll_until(loop.events, deadline)));
        EXPECT_GE(Clock::now(), deadline);
        EXPECT_TRUE(loop.events.empty());
    }
}

INSTANTIATE_TEST_SUITE_P(Finite, Timeout,
                         testing::Values(Wait{0ns}, Wait{1ns}, Wait{999ns}, Wait{200us}, Wait{999'999ns},
                                         Wait{1ms}, Wait{1'000'001ns}, Wait{2500us}, Wait{10ms}),
                         [](const auto& test) { return std::to_string(test.param.length.count()) + "ns"; });

TEST(Timeouts, ZeroOrNegativeDoesNotBlock) {
    Loop loop;
    const auto waker = must(mio::Waker::create(loop.registry(), Token{1}));
    for (const auto timeout : {0ns, -1ns, std::chrono::nanoseconds(-5s), std::chrono::nanoseconds::min()}) {
        EXPECT_LT(time_of([&] { ASSERT_TRUE(ok(loop.poll.poll(loop.events, timeout))); }), generous_margin);
        EXPECT_TRUE(loop.events.empty());
        // Ready sources are still reported.
        ASSERT_TRUE(ok(waker.wake()));
        ASSERT_TRUE(ok(loop.poll.poll(loop.events, timeout)));
        EXPECT_EQ(loop.events.size(), 1u);
    }
}

TEST(Timeouts, NoneWaitsForAnEvent) {
    for (int way = 0; way < 2; ++way) {
        Loop loop;
        const LateWake late(loop.registry());
        EXPECT_TRUE(ok(way == 0 ? loop.poll.poll(loop.events) : loop.poll.poll(loop.events, std::nullopt)));
        ASSERT_EQ(loop.events.size(), 1u);
        EXPECT_EQ(loop.events[0].token(), Token{99});
    }
}

TEST(Timeouts, LongerThanTheKernelLimitDoNotWrap) {
    // Around 2^31 ms and 2^32 ms, where Mio overflowed, and the longest representable ones.
    for (const auto timeout :
         {std::chrono::nanoseconds(2'147'483'647ms), std::chrono::nanoseconds(2'147'483'648ms),
          std::chrono::nanoseconds(4'294'967'295ms), std::chrono::nanoseconds(4'294'967'297ms),
          std::chrono::nanoseconds::max() - 1ns, std::chrono::nanoseconds::max()}) {
        Loop loop;
        const LateWake late(loop.registry());
        EXPECT_TRUE(ok(loop.poll.poll(loop.events, timeout)));
        ASSERT_EQ(loop.events.size(), 1u) << "returned early after asking for " << timeout.count() << " ns";
        EXPECT_EQ(loop.events[0].token(), Token{99});
    }
}

TEST(Timeouts, EndWithAnEvent) {
    Loop loop;
    const LateWake late(loop.registry());
    EXPECT_LT(time_of([&] { EXPECT_TRUE(ok(loop.poll.poll(loop.events, 20 * generous_margin))); }),
              generous_margin);
    EXPECT_EQ(loop.events.size(), 1u);
}

TEST(Deadlines, InThePastDoNotBlock) {
    Loop loop;
    const auto waker = must(mio::Waker::create(loop.registry(), Token{1}));
    for (const auto deadline :
         {Clock::now(), Clock::now() - 5s, Clock::time_point(), Clock::time_point::min()}) {
        EXPECT_LT(time_of([&] { ASSERT_TRUE(ok(loop.poll.poll_until(loop.events, deadline))); }),
                  generous_margin);
        EXPECT_TRUE(loop.events.empty());
        ASSERT_TRUE(ok(waker.wake()));
        ASSERT_TRUE(ok(loop.poll.poll_until(loop.events, deadline)));
        EXPECT_EQ(loop.events.size(), 1u);
    }
}

TEST(Deadlines, AtTheEndOfTimeWaitForAnEvent) {
    Loop loop;
    const LateWake late(loop.registry());
    EXPECT_TRUE(ok(loop.poll.poll_until(loop.events, Clock::time_point::max())));
    ASSERT_EQ(loop.events.size(), 1u);
    EXPECT_EQ(loop.events[0].token(), Token{99});
}

TEST(Deadlines, EndWithAnEvent) {
    Loop loop;
    const LateWake late(loop.registry());
    const auto deadline = Clock::now() + 20 * generous_margin;
    EXPECT_TRUE(ok(loop.poll.poll_until(loop.events, deadline)));
    EXPECT_EQ(loop.events.size(), 1u);
    EXPECT_LT(Clock::now(), deadline - generous_margin);
}
