// Busy polling in the kernel: `mio::sys::epoll::set_busy_poll`.
#include <chrono>
#include <cstdint>
#include <system_error>

#include "support.hpp"

import mio.sys.epoll;

using namespace test;
using mio::sys::epoll::busy_poll;
using mio::sys::epoll::BusyPoll;
using mio::sys::epoll::set_busy_poll;

namespace {

class EpollBusyPoll : public testing::Test {
  protected:
    mio::sys::epoll::Selector selector{must(mio::sys::epoll::Selector::open())};
    const int epoll = selector.raw_fd();
};

} // namespace

TEST_F(EpollBusyPoll, IsSetOrUnsupported) {
    const BusyPoll how{.time = std::chrono::microseconds(64), .budget = 8, .prefers_polling = true};
    if (const auto set = set_busy_poll(epoll, how); !set) {
        EXPECT_EQ(set.error(), mio::Errc::unsupported);
        EXPECT_EQ(busy_poll(epoll).error(), mio::Errc::unsupported);
        return;
    }
    EXPECT_EQ(must(busy_poll(epoll)), how);
    EXPECT_TRUE(ok(set_busy_poll(epoll, {})));
}

TEST_F(EpollBusyPoll, ClampsOverlongTimes) {
    namespace chrono = std::chrono;
    if (!busy_poll(epoll)) GTEST_SKIP() << "this kernel does not support busy polling";
    const auto set = [this](auto time) -> chrono::microseconds {
        EXPECT_TRUE(ok(set_busy_poll(epoll, {.time = time})));
        return must(busy_poll(epoll)).time;
    };
    constexpr chrono::microseconds longest(INT32_MAX);
    EXPECT_EQ(set(chrono::hours(1)), longest);
    EXPECT_EQ(set(chrono::microseconds::max()), longest);
    EXPECT_EQ(set(chrono::seconds::max()), longest);
    EXPECT_EQ(set(chrono::hours::max()), longest);
    EXPECT_EQ(set(chrono::microseconds(-1)), 0us);
    EXPECT_EQ(set(chrono::seconds::min()), 0us);
}

TEST_F(EpollBusyPoll, FailsForAClosedHandle) {
    EXPECT_EQ(set_busy_poll(-1, {}).error(), std::errc::bad_file_descriptor);
    EXPECT_EQ(busy_poll(-1).error(), std::errc::bad_file_descriptor);
}
