// `Poll::set_spin`.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <system_error>
#include <thread>

#include "support.hpp"

using namespace test;

namespace {

class Spin : public testing::Test {
  protected:
    mio::Poll poll = must(mio::Poll::create());
    mio::Events events{4};
};

} // namespace

TEST_F(Spin, IsOffByDefaultAndForNegativeDurations) {
    EXPECT_EQ(poll.spin(), 0ns);
    poll.set_spin(5us);
    EXPECT_EQ(poll.spin(), 5us);
    poll.set_spin(-1ns);
    EXPECT_EQ(poll.spin(), 0ns);
}

TEST_F(Spin, DoesNotShortenTimeouts) {
    for (const auto spin : {1us, 200us, 1'000'000us}) {
        poll.set_spin(spin);
        for (const auto timeout : {1ns, 50'000ns, 3'000'000ns}) {
            const auto taken = time_of([&] { EXPECT_TRUE(ok(poll.poll(events, timeout))); });
            EXPECT_GE(taken, timeout);
            EXPECT_LT(taken, timeout + generous_margin);
            EXPECT_TRUE(events.empty());
        }
    }
}

TEST_F(Spin, WakeEndsTheWaitAfterTheSpin) {
    const auto waker = must(mio::Waker::create(poll.registry(), Token{1}));
    poll.set_spin(10us);
    for (int i = 0; i < 5; ++i) {
        std::thread other([&] {
            std::this_thread::sleep_for(5ms); // after the spin; earlier is harmless
            EXPECT_TRUE(ok(waker.wake()));
        });
        EXPECT_TRUE(ok(poll.poll(events)));
        other.join();
        ASSERT_EQ(events.size(), 1u);
        EXPECT_EQ(events[0].token(), Token{1});
        EXPECT_TRUE(events[0].is_readable());
    }
}

TEST_F(Spin, WakeEndsTheSpin) {
    const auto waker = must(mio::Waker::create(poll.registry(), Token{1}));
    poll.set_spin(1h);
    for (int i = 0; i < 5; ++i) {
        std::thread other([&] { EXPECT_TRUE(ok(waker.wake())); });
        EXPECT_TRUE(ok(poll.poll(events)));
        other.join();
        ASSERT_EQ(events.size(), 1u);
        EXPECT_EQ(events[0].token(), Token{1});
        EXPECT_TRUE(ok(poll.poll(events, 0ns)));
        EXPECT_TRUE(events.empty());
    }
}

TEST_F(Spin, ReportsIoEventsDuringTheSpin) {
    auto [here, there] = plain::socket_pair();
    mio::RawSource source(here.fd());
    ASSERT_TRUE(ok(poll.registry().add(source, Token{2}, Interest::readable)));
    poll.set_spin(1h);
    std::thread other([&there] {
        std::this_thread::sleep_for(5ms); // later is harmless
        plain::write_all(there, "x");
    });
    EXPECT_TRUE(ok(poll.poll(events)));
    other.join();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].token(), Token{2});
    EXPECT_TRUE(ok(poll.registry().remove(source)));
}

TEST_F(Spin, ZeroCapacityStillFails) {
    mio::Events none{0};
    poll.set_spin(1ms);
    EXPECT_EQ(poll.poll(none).error(), mio::Errc::no_capacity);
    EXPECT_EQ(poll.poll(none, 1ms).error(), mio::Errc::no_capacity);
    poll.set_spin(0ns);
    EXPECT_EQ(poll.poll(none).error(), mio::Errc::no_capacity);
}

TEST_F(Spin, WakeAtTheEndOfTheSpinIsNotLost) {
    constexpr std::size_t rounds = 20'000;
    const auto waker = must(mio::Waker::create(poll.registry(), Token{1}));
    std::atomic<std::size_t> asked = 0;
    std::atomic<bool> is_over = false;
    std::thread other([&] {
        for (std::size_t woken = 0; !is_over;) {
            if (asked.load() == woken) continue;
            ++woken;
            EXPECT_TRUE(ok(waker.wake()));
        }
    });
    for (std::size_t round = 0; round < rounds; ++round) {
        poll.set_spin(std::chrono::nanoseconds(round % 64 * 100 + 1));
        asked.fetch_add(1);
        ASSERT_TRUE(ok(poll.poll(events, generous_margin)));
        ASSERT_EQ(events.size(), 1u) << "round " << round;
    }
    is_over = true;
    other.join();
    EXPECT_TRUE(ok(poll.poll(events, 0ns)));
    EXPECT_TRUE(events.empty());
}
