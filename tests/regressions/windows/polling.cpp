// Regression tests for known defects of Mio on Windows that concern sockets.
#include "sockets.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <limits>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "tcp.hpp"

using namespace test;

namespace {

constexpr Token first{1}, second{2};

} // namespace

// A failed poll left the selector marked as polling.
TEST(Polling, WorksAfterAFailedPoll) {
    Loop loop;
    mio::Events none(0);
    auto pair = plain_pair();
    for (int round = 0; round < 3; ++round) {
        EXPECT_TRUE(fails_with(loop.poll.poll(none, 0ns), mio::Errc::no_capacity));
        // A socket that cannot be polled any more must not end the next poll either.
        auto doomed = plain_pair();
        ASSERT_TRUE(ok(loop.registry().add(doomed.stream, second, read_write)));
        plain::Socket(doomed.stream.release()).close();
        ASSERT_TRUE(ok(loop.poll.poll(loop.events, 0ns)));
    }
    ASSERT_TRUE(ok(loop.registry().add(pair.stream, first, Interest::readable)));
    plain::write_all(pair.peer, "x");
    loop.expect({{first, Interest::readable}});
}

// The highest bit of a token was used as a flag and lost.
TEST(Polling, EveryBitOfTheTokenIsReported) {
    constexpr auto all = std::numeric_limits<std::size_t>::max();
    for (const auto value : {all, all - 1, all / 2 + 1, std::size_t{0}}) {
        Loop loop;
        auto pair = plain_pair();
        ASSERT_TRUE(ok(loop.registry().add(pair.stream, Token{value}, Interest::writable)));
        loop.expect({{Token{value}, Interest::writable}});
        const auto waker = must(mio::Waker::create(loop.registry(), Token{value}));
        ASSERT_TRUE(ok(waker.wake()));
        loop.expect({{Token{value}, Interest::readable}});
    }
}

// The completion port must outlive both the poll, which may have requests pending at the driver, and its sources.
TEST(Lifetime, PollDestroyedBeforeItsSourcesLeaksNothing) {
    { // Exclude resources that are created once and kept.
        Loop loop;
        auto pair = plain_pair();
        must(loop.registry().add(pair.stream, first, Interest::readable));
        must(loop.poll.poll(loop.events, 0ns));
    }
    const DescriptorGuard guard;
    for (int round = 0; round < 50; ++round) {
        std::optional<Loop> loop(std::in_place);
        std::vector<PlainPair> pairs;
        for (int i = 0; i < 5; ++i) {
            pairs.push_back(plain_pair());
            ASSERT_TRUE(ok(loop->registry().add(pairs.back().stream, first, Interest::readable)));
        }
        ASSERT_TRUE(ok(loop->poll.poll(loop->events, 0ns)));
        if (round % 2 == 0) {
            loop.reset();
        } else {
            pairs.clear();
        }
    }
}

// A state that was deleted with an error stayed in the update queue forever.
TEST(Lifetime, SourcesClosedWithoutRemoveAreForgotten) {
    Loop loop;
    for (int round = 0; round < 200; ++round) {
        auto ends = plain::socket_pair();
        mio::RawSource source(ends.first.fd());
        ASSERT_TRUE(ok(loop.registry().add(source, first, read_write)));
        ends.first.close();
        // may fail, and must not leave the state queued
        (void)loop.registry().modify(source, second, read_write);
        ASSERT_TRUE(ok(loop.poll.poll(loop.events, 0ns)));
        EXPECT_TRUE(loop.events.empty());
        (void)loop.registry().remove(source); // may report not_registered, as on other systems
    }
    loop.expect_none();
}

// A cancelled request completes without an event, which ended a wait early and empty.
TEST(Polling, CancelledRequestDoesNotEndAWait) {
    Loop loop;
    auto pair = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(pair.stream, first, Interest::readable)));
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 0ns)));
    std::atomic<bool> is_over = false;
    std::thread other([&] {
        while (!is_over) {
            EXPECT_TRUE(ok(loop.registry().modify(pair.stream, second, Interest::readable)));
            std::this_thread::sleep_for(1ms);
        }
    });
    const auto took = time_of([&] { EXPECT_TRUE(ok(loop.poll.poll(loop.events, 100ms))); });
    is_over = true;
    other.join();
    EXPECT_GE(took, 100ms);
    EXPECT_TRUE(loop.events.empty());
}

// A source was queued at a registry that it does not belong to, while its requests go to another port.
TEST(Registry, SourceCannotBeModifiedThroughAnotherRegistry) {
    Loop loop;
    Loop other;
    auto pair = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(pair.stream, first, Interest::readable)));
    EXPECT_TRUE(
        fails_with(other.registry().modify(pair.stream, second, read_write), mio::Errc::other_registry));
    other.expect_none();
    plain::write_all(pair.peer, "x");
    loop.expect({{first, Interest::readable}});
    other.expect_none();
}

// 0xffffffff ms means no timeout, and longer timeouts were truncated to short ones.
TEST(Polling, TimeoutBeyondTheSystemLimitWaits) {
    Loop loop;
    const auto waker = must(mio::Waker::create(loop.registry(), first));
    for (const auto timeout : {std::chrono::nanoseconds(4'294'967'295ms),
                               std::chrono::nanoseconds(4'294'967'297ms), std::chrono::nanoseconds::max()}) {
        std::thread other([&] {
            // the poll is most likely blocked by then; the test holds in either case
            std::this_thread::sleep_for(50ms);
            EXPECT_TRUE(ok(waker.wake()));
        });
        EXPECT_TRUE(ok(loop.poll.poll(loop.events, timeout)));
        other.join();
        ASSERT_EQ(loop.events.size(), 1u);
    }
}
