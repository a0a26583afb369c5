// The epoll waker's use of its eventfd: when it writes, and when it does not need to.
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <limits>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "posix.hpp"

import mio.sys.epoll;

using namespace test;
using mio::Trigger;
using mio::sys::epoll::Selector;

namespace {

/// The eventfd's counter. Each wake that makes a system call adds one, and it is never read, so it counts the calls.
/// @see proc_pid_fdinfo(5)
std::uint64_t counter_of(int eventfd) {
    std::ifstream info("/proc/self/fdinfo/" + std::to_string(eventfd));
    for (std::string word; info >> word;) {
        if (word != "eventfd-count:") continue;
        std::uint64_t count = 0;
        info >> std::hex >> count;
        return count;
    }
    ADD_FAILURE() << eventfd << " is not an eventfd";
    return 0;
}

/// A waker with an accessible eventfd.
class Waker {
  public:
    Waker(Selector& selector, Token token)
        : Waker(selector, token, must(Selector::Waker::open(selector, token))) {}

    mio::Result<> wake() { return mio::sys::wake(waker_); }
    [[nodiscard]] int eventfd() const { return eventfd_; }
    [[nodiscard]] std::uint64_t writes() const { return counter_of(eventfd_); }

  private:
    Waker(Selector& selector, Token token, Selector::Waker::Parts parts)
        : eventfd_(parts.eventfd.get()), waker_(selector, token, std::move(parts)) {}

    int eventfd_;
    Selector::Waker waker_;
};

constexpr Token id1{1}, id2{2}, id3{3};

struct EpollWaker : testing::Test {
    std::multiset<Token> select(std::chrono::nanoseconds timeout = 500ms) {
        return select_into(events, timeout);
    }
    std::multiset<Token> select_into(mio::Events& room, std::chrono::nanoseconds timeout = 500ms) {
        EXPECT_TRUE(ok(selector.select(room, timeout)));
        std::multiset<Token> tokens;
        for (const auto& event : room) tokens.insert(event.token());
        return tokens;
    }
    void expect_one(Token token) {
        EXPECT_EQ(select(), std::multiset{token});
        EXPECT_EQ(select(0ns), std::multiset<Token>{});
    }

    Selector selector{must(Selector::open())};
    mio::Events events = events_for<Selector>(16);
};

} // namespace

TEST_F(EpollWaker, MakesNoSystemCallWhileAWakeIsPending) {
    Waker waker(selector, id1);
    EXPECT_EQ(waker.writes(), 0u);
    for (std::uint64_t burst = 1; burst <= 10; ++burst) {
        for (int i = 0; i < 100; ++i) ASSERT_TRUE(ok(waker.wake()));
        EXPECT_EQ(waker.writes(), burst) << "one system call per burst";
        expect_one(id1);
        EXPECT_EQ(waker.writes(), burst) << "reporting makes no system call";
    }
}

TEST_F(EpollWaker, MakesNoSystemCallWhileAWakeOfAnotherThreadIsPending) {
    Waker waker(selector, id1);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 1000; ++i) EXPECT_TRUE(ok(waker.wake()));
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(waker.writes(), 1u);
    expect_one(id1);
}

TEST_F(EpollWaker, WritesAtMostOncePerReport) {
    Waker waker(selector, id1);
    std::atomic<bool> stop = false;
    std::thread waking([&] {
        while (!stop) EXPECT_TRUE(ok(waker.wake()));
    });
    std::uint64_t reports = 0;
    while (reports < 2000) {
        if (!select().empty()) ++reports;
        EXPECT_LE(waker.writes(), reports + 1);
    }
    stop = true;
    waking.join();
    reports += select(0ns).size();
    EXPECT_EQ(waker.writes(), reports);
}

TEST_F(EpollWaker, MakesNoSystemCallWhileItsEventIsQueued) {
    // Capacity one and three wakers: those not yet reported stay pending, and waking them makes no system call.
    Waker wakers[] = {{selector, id1}, {selector, id2}, {selector, id3}};
    auto one = events_for<Selector>(1);
    for (std::uint64_t round = 1; round <= 3; ++round) {
        for (auto& waker : wakers) ASSERT_TRUE(ok(waker.wake()));
        std::multiset<Token> seen;
        for (int i = 0; i < 3; ++i) {
            const auto reported = select_into(one);
            ASSERT_EQ(reported.size(), 1u);
            seen.insert(*reported.begin());
            for (std::size_t w = 0; w < 3; ++w) {
                if (!seen.contains(Token{w + 1})) {
                    ASSERT_TRUE(ok(wakers[w].wake()));
                }
                EXPECT_EQ(wakers[w].writes(), round);
            }
        }
        EXPECT_EQ(seen, (std::multiset{id1, id2, id3}));
        EXPECT_EQ(select(0ns), std::multiset<Token>{});
    }
}

TEST_F(EpollWaker, StaysPendingWhenSelectReportsOtherEvents) {
    Waker waker(selector, id1);
    const auto [here, there] = plain::socket_pair();
    const auto state = must(selector.add(here.fd(), id2, Interest::writable, Trigger::level));
    auto one = events_for<Selector>(1);
    // The source, ready before the wake, is reported first.
    ASSERT_TRUE(ok(waker.wake()));
    ASSERT_EQ(select_into(one), std::multiset{id2});
    ASSERT_TRUE(ok(waker.wake()));
    EXPECT_EQ(waker.writes(), 1u);
    ASSERT_EQ(select_into(one), std::multiset{id1});
    // Now reported: the next wake writes again.
    ASSERT_TRUE(ok(waker.wake()));
    EXPECT_EQ(waker.writes(), 2u);
    ASSERT_TRUE(ok(selector.remove(here.fd(), state)));
    expect_one(id1);
}

TEST_F(EpollWaker, StaysPendingAfterANonReadableEventWithItsToken) {
    Waker waker(selector, id1);
    const auto [here, there] = plain::socket_pair();
    const auto state = must(selector.add(here.fd(), id1, Interest::writable, Trigger::level));
    auto one = events_for<Selector>(1);
    ASSERT_TRUE(ok(waker.wake()));
    ASSERT_EQ(select_into(one), std::multiset{id1});
    ASSERT_TRUE(one[0].is_writable()) << "expected the source's event";
    ASSERT_TRUE(ok(waker.wake()));
    EXPECT_EQ(waker.writes(), 1u);
    ASSERT_TRUE(ok(selector.remove(here.fd(), state)));
    expect_one(id1);
}

TEST_F(EpollWaker, SharedTokenLosesNoWake) {
    // A readable source with the waker's token clears the pending state too early: this costs one extra write and
    // loses no event.
    Waker waker(selector, id1);
    const auto [here, there] = plain::socket_pair();
    const auto state = must(selector.add(here.fd(), id1, Interest::readable, Trigger::level));
    plain::write_all(there, "x");
    auto one = events_for<Selector>(1);
    ASSERT_TRUE(ok(waker.wake()));
    ASSERT_EQ(select_into(one), std::multiset{id1}); // either of the two
    ASSERT_TRUE(ok(waker.wake()));
    ASSERT_TRUE(ok(selector.remove(here.fd(), state)));
    expect_one(id1);
    ASSERT_TRUE(ok(waker.wake()));
    expect_one(id1);
}

TEST_F(EpollWaker, WakesWhenTheCounterIsFull) {
    Waker waker(selector, id1);
    // As after 2^64 - 2 wakes: the kernel accepts no more.
    const std::uint64_t most = std::numeric_limits<std::uint64_t>::max() - 1;
    ASSERT_EQ(::write(waker.eventfd(), &most, sizeof most), ssize_t{sizeof most});
    const std::uint64_t one = 1;
    ASSERT_EQ(::write(waker.eventfd(), &one, sizeof one), -1);
    ASSERT_EQ(errno, EAGAIN);
    EXPECT_EQ(select(), std::multiset{id1}); // the write above is an edge too
    EXPECT_EQ(select(0ns), std::multiset<Token>{});

    errno = E2BIG;
    ASSERT_TRUE(ok(waker.wake()));
    EXPECT_EQ(errno, E2BIG) << "a signal handler may call it";
    EXPECT_EQ(waker.writes(), 1u) << "the counter was reset and written";
    expect_one(id1);
    ASSERT_TRUE(ok(waker.wake()));
    EXPECT_EQ(waker.writes(), 2u);
    expect_one(id1);
}

TEST_F(EpollWaker, FillsACounterOneShortOfFull) {
    Waker waker(selector, id1);
    const std::uint64_t almost = std::numeric_limits<std::uint64_t>::max() - 2;
    ASSERT_EQ(::write(waker.eventfd(), &almost, sizeof almost), ssize_t{sizeof almost});
    EXPECT_EQ(select(), std::multiset{id1});
    for (const auto expected : {almost + 1, std::uint64_t{1}, std::uint64_t{2}}) {
        ASSERT_TRUE(ok(waker.wake()));
        EXPECT_EQ(waker.writes(), expected);
        expect_one(id1);
    }
}

TEST_F(EpollWaker, ReportsAFailedWriteAndRetries) {
    Waker waker(selector, id1);
    // Replace the eventfd for a while with a descriptor that cannot be written to.
    const plain::Socket kept(::fcntl(waker.eventfd(), F_DUPFD_CLOEXEC, 3));
    const plain::Socket unwritable(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    ASSERT_NE(::dup3(unwritable.fd(), waker.eventfd(), O_CLOEXEC), -1);
    for (int i = 0; i < 2; ++i) {
        errno = E2BIG;
        const auto woken = waker.wake();
        EXPECT_EQ(errno, E2BIG) << "a signal handler may call it";
        ASSERT_TRUE(fails_with(woken, std::errc::bad_file_descriptor)) << "must not count as pending";
        EXPECT_EQ(woken.error().category(), mio::os_category());
    }
    EXPECT_EQ(select(0ns), std::multiset<Token>{});
    ASSERT_NE(::dup3(kept.fd(), waker.eventfd(), O_CLOEXEC), -1);
    ASSERT_TRUE(ok(waker.wake()));
    expect_one(id1);
}

TEST_F(EpollWaker, EventfdIsNonBlockingCloseOnExecAndOwned) {
    DescriptorGuard guard;
    int eventfd = -1;
    {
        const Waker waker(selector, id1);
        eventfd = waker.eventfd();
        EXPECT_TRUE(is_non_blocking(eventfd));
        EXPECT_TRUE(is_close_on_exec(eventfd));
    }
    EXPECT_EQ(::fcntl(eventfd, F_GETFD), -1);
    // An opened but unused descriptor is closed, and no registration is left.
    {
        const auto parts = must(Selector::Waker::open(selector, id2));
    }
    EXPECT_EQ(select(0ns), std::multiset<Token>{});
}

TEST_F(EpollWaker, DestroyedWithAWakePendingIsNotReported) {
    Waker other(selector, id2);
    {
        Waker waker(selector, id1);
        ASSERT_TRUE(ok(waker.wake()));
    }
    ASSERT_TRUE(ok(other.wake()));
    expect_one(id2);
    ASSERT_TRUE(ok(other.wake()));
    EXPECT_EQ(other.writes(), 2u);
    expect_one(id2);
}
