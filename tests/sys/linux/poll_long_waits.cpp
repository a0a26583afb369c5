// The poll(2) backend with timeouts longer than the system call supports. This program replaces the call by one that
// does not wait but adds up the requested times.
#include <poll.h>
#include <signal.h>

#include <chrono>
#include <climits>
#include <cstdint>

#include "support.hpp"

import mio.sys.poll;

using namespace test;
using mio::sys::poll::Selector;

namespace {

std::chrono::nanoseconds waited;

} // namespace

extern "C" {
int poll(::pollfd*, ::nfds_t, int milliseconds) {
    waited += std::chrono::milliseconds(milliseconds);
    return 0;
}
int ppoll(::pollfd*, ::nfds_t, const ::timespec* time, const ::sigset_t*) {
    waited += std::chrono::seconds(time->tv_sec) + std::chrono::nanoseconds(time->tv_nsec);
    return 0;
}
}

TEST(PollSelector, OverlongTimeoutsUseSeveralWaits) {
    Selector selector(must(Selector::open()));
    auto events = events_for<Selector>(4);
    constexpr std::chrono::milliseconds most_of_poll{INT_MAX};
    constexpr std::chrono::seconds most_of_ppoll{INT32_MAX};
    for (const std::chrono::nanoseconds timeout :
         {std::chrono::nanoseconds(most_of_poll - 1ms), std::chrono::nanoseconds(most_of_poll + 1ms),
          std::chrono::nanoseconds(3 * most_of_poll), std::chrono::nanoseconds(most_of_ppoll),
          std::chrono::nanoseconds(most_of_ppoll + 1s), std::chrono::nanoseconds(3 * most_of_ppoll + 1ns)}) {
        waited = 0ns;
        ASSERT_TRUE(ok(selector.select(events, timeout)));
        EXPECT_TRUE(events.empty());
        EXPECT_GE(waited, timeout);
        EXPECT_LT(waited, timeout + 1ms);
    }
}
