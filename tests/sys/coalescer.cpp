// Coalescing of wake-ups: which sender makes the system call.
#include <cstdint>

#include "support.hpp"

import mio.sys.wakers;

using mio::sys::Coalescer;

TEST(Coalescer, SkipsTheCallWhileANotificationIsPending) {
    Coalescer coalescer;
    EXPECT_FALSE(coalescer.is_pending());
    const auto ticket = coalescer.begin();
    ASSERT_NE(ticket, 0u);
    EXPECT_TRUE(coalescer.is_pending());
    coalescer.sent(ticket);
    EXPECT_EQ(coalescer.begin(), 0u);
    EXPECT_TRUE(coalescer.take());
    EXPECT_FALSE(coalescer.is_pending());
    EXPECT_FALSE(coalescer.take());
    EXPECT_NE(coalescer.begin(), 0u);
}

// Otherwise a wake concurrent with another thread's failing call would report success without an event.
TEST(Coalescer, MakesTheCallWhileAnotherMayStillFail) {
    Coalescer coalescer;
    const auto first = coalescer.begin();
    const auto second = coalescer.begin(); // the first call has not returned
    ASSERT_NE(first, 0u);
    ASSERT_NE(second, 0u);
    // The first call fails and the second succeeds.
    coalescer.sent(second);
    EXPECT_EQ(coalescer.begin(), 0u);
    EXPECT_TRUE(coalescer.take());
}

TEST(Coalescer, MakesTheCallAgainAfterAFailure) {
    Coalescer coalescer;
    ASSERT_NE(coalescer.begin(), 0u); // and the call fails
    EXPECT_TRUE(coalescer.is_pending());
    EXPECT_NE(coalescer.begin(), 0u);
}

// A thread may be suspended between its system call and `sent`, while the receiver consumes the notification and
// another thread begins a new one, whose call may fail.
TEST(Coalescer, LateSenderDoesNotConfirmANewerNotification) {
    Coalescer coalescer;
    const auto late = coalescer.begin();
    EXPECT_TRUE(coalescer.take());
    const auto newer = coalescer.begin();
    coalescer.sent(late);
    EXPECT_NE(coalescer.begin(), 0u);
    coalescer.sent(newer);
    EXPECT_EQ(coalescer.begin(), 0u);
}
