#include <chrono>
#include <cstdint>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>

#include "differences.hpp"
#include "support.hpp"

import mio.time;

using namespace test;
using mio::Trigger;
using mio::time::after;
using mio::time::Alarm;
using mio::time::Clock;
using Time = Clock::time_point;

static_assert(mio::Source<Alarm>);
static_assert(std::is_nothrow_move_constructible_v<Alarm> && !std::is_copy_constructible_v<Alarm>);

namespace {

constexpr Token token{5};

} // namespace

/// A loop with an alarm, for each trigger.
class AlarmWith : public testing::TestWithParam<Trigger> {
  protected:
    void SetUp() override {
        auto created = Alarm::create();
        if (!created) {
            EXPECT_TRUE(fails_with(created, mio::Errc::unsupported));
            EXPECT_EQ(mio::backend(), "iocp");
            GTEST_SKIP() << "this system has no alarms";
        }
        alarm_ = std::move(*created);
        ASSERT_TRUE(ok(loop_.registry().add(*alarm_, token, Interest::readable, GetParam())));
    }

    /// Waits for the alarm, and expects that it is not early.
    void expect_at(Time deadline) {
        do {
            ASSERT_TRUE(ok(loop_.poll.poll(loop_.events, generous_margin)));
            ASSERT_EQ(loop_.events.size(), 1U) << "the alarm is not reported";
            EXPECT_EQ(loop_.events[0].token(), token);
            EXPECT_TRUE(loop_.events[0].is_readable());
        } while (GetParam() == Trigger::level && Clock::now() < deadline);
        EXPECT_GE(Clock::now(), deadline);
        if (GetParam() == Trigger::oneshot) {
            ASSERT_TRUE(ok(loop_.registry().modify(*alarm_, token, Interest::readable, GetParam())));
        }
    }

    Loop loop_;
    std::optional<Alarm> alarm_;
};

TEST_P(AlarmWith, IsReportedAtItsTimeEachTimeItIsArmed) {
    for (int round = 0; round < 3; ++round) {
        const auto deadline = after(3ms);
        ASSERT_TRUE(ok(alarm_->arm(deadline)));
        EXPECT_EQ(alarm_->deadline(), deadline);
        expect_at(deadline);
    }
}

TEST_P(AlarmWith, IsReportedAtOnceIfItsTimeHasPassed) {
    for (const Time deadline : {Clock::now(), Time(), Time(-1ns), Time::min()}) {
        ASSERT_TRUE(ok(alarm_->arm(deadline)));
        expect_at(deadline);
        // The same time again: it has been reported, and is reported anew.
        ASSERT_TRUE(ok(alarm_->arm(deadline)));
        expect_at(deadline);
    }
}

TEST_P(AlarmWith, IsNotReportedWithoutATime) {
    EXPECT_EQ(alarm_->deadline(), std::nullopt);
    loop_.expect_none();
    ASSERT_TRUE(ok(alarm_->disarm()));
    loop_.expect_none();
}

TEST_P(AlarmWith, IsNotReportedAfterItIsDisarmed) {
    ASSERT_TRUE(ok(alarm_->arm(after(5ms))));
    ASSERT_TRUE(ok(alarm_->disarm()));
    EXPECT_EQ(alarm_->deadline(), std::nullopt);
    loop_.expect_none(); // for 50 ms
    // Also if its time has passed without a poll.
    ASSERT_TRUE(ok(alarm_->arm(Time())));
    ASSERT_TRUE(ok(alarm_->disarm()));
    loop_.expect_none();
    ASSERT_TRUE(ok(alarm_->arm(Time())));
    expect_at(Time());
}

TEST_P(AlarmWith, IsMovedToAnotherTime) {
    ASSERT_TRUE(ok(alarm_->arm(Time())));
    ASSERT_TRUE(ok(alarm_->arm(Time::max()))); // before the poll
    loop_.expect_none();
    const auto deadline = after(5ms);
    ASSERT_TRUE(ok(alarm_->arm(deadline)));
    expect_at(deadline);
    ASSERT_TRUE(ok(alarm_->arm(after(1h))));
    loop_.expect_none();
}

TEST_P(AlarmWith, KeepsItsTimeAndRegistrationWhenMoved) {
    const auto deadline = after(2ms);
    ASSERT_TRUE(ok(alarm_->arm(deadline)));
    Alarm moved(std::move(*alarm_));
    EXPECT_EQ(moved.deadline(), deadline);
    *alarm_ = std::move(moved);
    expect_at(deadline);
}

TEST_P(AlarmWith, IsReportedByAnotherPollAfterItMoved) {
    ASSERT_TRUE(ok(alarm_->arm(Time())));
    ASSERT_TRUE(ok(loop_.registry().remove(*alarm_)));
    Loop other;
    ASSERT_TRUE(ok(other.registry().add(*alarm_, token, Interest::readable, GetParam())));
    other.expect({{token, Interest::readable}});
    loop_.expect_none();
}

INSTANTIATE_TEST_SUITE_P(Triggers, AlarmWith,
                         testing::Values(Trigger::edge, Trigger::level, Trigger::oneshot),
                         [](const auto& instance) {
                             switch (instance.param) {
                             case Trigger::edge: return "Edge";
                             case Trigger::level: return "Level";
                             case Trigger::oneshot: return "Oneshot";
                             }
                             return "";
                         });

TEST(Alarm, OpensOneDescriptorAndClosesIt) {
    const DescriptorGuard guard;
    auto alarm = Alarm::create();
    if (!alarm) GTEST_SKIP() << alarm.error().message();
    EXPECT_TRUE(is_close_on_exec(alarm->raw()));
    ASSERT_TRUE(ok(alarm->arm(after(1h))));
}
