// Alarms whose system calls fail. The descriptor is replaced by one that is no timer, so that each call is refused.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <system_error>

#include "support.hpp"

import mio.time;

using namespace test;
using mio::time::Alarm;
using mio::time::Clock;
using Time = Clock::time_point;

namespace {

void refuse_calls(const Alarm& alarm) {
    const int other = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ASSERT_NE(other, -1);
    ASSERT_NE(::dup3(other, alarm.raw(), O_CLOEXEC), -1);
    ::close(other);
}

class AlarmOfTheSystem : public testing::Test {
  protected:
    void SetUp() override {
        if (mio::backend() == "kqueue") GTEST_SKIP() << "the double of kqueue has no descriptors to replace";
    }
};

} // namespace

TEST_F(AlarmOfTheSystem, IsAsBeforeIfItCannotBeChanged) {
    auto alarm = must(Alarm::create());
    const Time deadline = mio::time::after(1h);
    must(alarm.arm(deadline));
    refuse_calls(alarm);
    EXPECT_TRUE(fails_with(alarm.arm(deadline + 1ns), std::errc::invalid_argument));
    EXPECT_EQ(alarm.deadline(), deadline);
    EXPECT_TRUE(fails_with(alarm.disarm(), std::errc::invalid_argument));
    EXPECT_EQ(alarm.deadline(), deadline);
}

TEST_F(AlarmOfTheSystem, MakesNoCallWithoutAChange) {
    auto alarm = must(Alarm::create());
    auto idle = must(Alarm::create());
    const Time deadline = mio::time::after(1h);
    must(alarm.arm(deadline));
    refuse_calls(alarm);
    refuse_calls(idle);
    EXPECT_TRUE(ok(alarm.arm(deadline)));
    EXPECT_TRUE(ok(idle.disarm()));
}

TEST_F(AlarmOfTheSystem, IsNonBlocking) { expect_non_blocking(must(Alarm::create()).raw()); }

TEST_F(AlarmOfTheSystem, IsNotCreatedWithoutDescriptors) {
    ::rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    ::rlimit none = before;
    none.rlim_cur = 0;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    const auto alarm = Alarm::create();
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_TRUE(fails_with(alarm, std::errc::too_many_files_open));
}
