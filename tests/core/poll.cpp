#include <chrono>

#include "support.hpp"

using namespace test;

TEST(Poll, WithNothingRegisteredRunsIntoItsTimeout) {
    Loop loop;
    const auto start = std::chrono::steady_clock::now();
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 100ms)));
    EXPECT_GE(std::chrono::steady_clock::now() - start, 100ms);
    EXPECT_TRUE(loop.events.empty());
}
