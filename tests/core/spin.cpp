// `Poll::set_spin` and `Poll::set_busy_poll`.
#include <chrono>
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

TEST_F(Spin, IsOffAtFirstAndWhenNegative) {
    EXPECT_EQ(poll.spin(), 0ns);
    poll.set_spin(5us);
    EXPECT_EQ(poll.spin(), 5us);
    poll.set_spin(-1ns);
    EXPECT_EQ(poll.spin(), 0ns);
}

TEST_F(Spin, TimeoutsAreNeverCutShort) {
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

TEST_F(Spin, EndsAndIsFollowedByAWaitThatAWakeEnds) {
    const auto waker = must(mio::Waker::create(poll.registry(), Token{1}));
    poll.set_spin(10us);
    for (int i = 0; i < 5; ++i) {
        std::thread other([&] {
            std::this_thread::sleep_for(5ms); // the spin is over; if not, it does no harm
            EXPECT_TRUE(ok(waker.wake()));
        });
        EXPECT_TRUE(ok(poll.poll(events)));
        other.join();
        ASSERT_EQ(events.size(), 1u);
        EXPECT_EQ(events[0].token(), Token{1});
        EXPECT_TRUE(events[0].is_readable());
    }
}

TEST_F(Spin, IsEndedByAWake) {
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

TEST_F(Spin, SeesWhatArrivesInTheKernel) {
    auto [here, there] = plain::socket_pair();
    mio::RawSource source(here.fd());
    ASSERT_TRUE(ok(poll.registry().add(source, Token{2}, Interest::readable)));
    poll.set_spin(1h);
    std::thread other([&there] {
        std::this_thread::sleep_for(5ms); // later does no harm
        plain::write_all(there, "x");
    });
    EXPECT_TRUE(ok(poll.poll(events)));
    other.join();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].token(), Token{2});
    EXPECT_TRUE(ok(poll.registry().remove(source)));
}

TEST_F(Spin, KeepsTheErrorOfNoCapacity) {
    mio::Events none{0};
    poll.set_spin(1ms);
    EXPECT_EQ(poll.poll(none).error(), mio::Errc::no_capacity);
    EXPECT_EQ(poll.poll(none, 1ms).error(), mio::Errc::no_capacity);
    poll.set_spin(0ns);
    EXPECT_EQ(poll.poll(none).error(), mio::Errc::no_capacity);
}

TEST_F(Spin, BusyPollIsSetOrClearlyUnsupported) {
    const mio::BusyPoll how{.time = std::chrono::microseconds(64), .budget = 8, .prefers_polling = true};
    const auto set = poll.set_busy_poll(how);
    const auto got = poll.busy_poll();
    if (mio::backend() != "epoll") {
        EXPECT_EQ(set.error(), mio::Errc::unsupported);
        EXPECT_EQ(got.error(), mio::Errc::unsupported);
    } else if (set) {
        EXPECT_EQ(must(got), how);
        EXPECT_EQ(poll.set_busy_poll({.time = std::chrono::microseconds(-1)}).error(),
                  std::errc::invalid_argument);
        EXPECT_EQ(must(poll.busy_poll()), how);
        EXPECT_TRUE(ok(poll.set_busy_poll({})));
    } else {
        EXPECT_EQ(set.error(), mio::Errc::unsupported);
    }
}
