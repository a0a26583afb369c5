// The poll(2) backend with rejected system calls: the cost of a wake, and which file types are accepted.
#include <fcntl.h>
#include <sys/syscall.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>

#include "posix.hpp"
#include "sandbox.hpp"

import mio.sys.poll;

using namespace test;
using mio::sys::poll::Selector;

TEST(PollSelector, WakeMakesNoSystemCallWhileNoThreadWaits) {
    if (!can_forbid_system_calls()) GTEST_SKIP() << "system call filters are unavailable";
    EXPECT_TRUE(holds_in_child([] {
        Selector selector(must(Selector::open()));
        Selector::Waker waker(selector, Token{1}, {});
        auto events = events_for<Selector>(4);
        ASSERT_TRUE(forbid_system_call(SYS_write, EPERM));
        for (int i = 0; i < 3; ++i) {
            EXPECT_TRUE(ok(mio::sys::wake(waker)));
            EXPECT_TRUE(ok(selector.select(events, std::chrono::nanoseconds(500ms))));
            EXPECT_EQ(events.size(), 1u);
        }
    }));
}

TEST(PollSelector, ReportsWhenItCannotBeInterrupted) {
    if (!can_forbid_system_calls()) GTEST_SKIP() << "system call filters are unavailable";
    EXPECT_TRUE(holds_in_child([] {
        Selector selector(must(Selector::open()));
        Selector::Waker waker(selector, Token{1}, {});
        std::atomic<bool> has_failed_wake = false;
        std::thread other([&] {
            // The filter applies to this thread only. No write is needed while the other thread does not wait yet.
            ASSERT_TRUE(forbid_system_call(SYS_write, EPERM));
            mio::Result<> woken;
            while ((woken = mio::sys::wake(waker))) std::this_thread::sleep_for(1ms);
            EXPECT_TRUE(fails_with(woken, std::errc::operation_not_permitted));
            has_failed_wake = true;
        });
        auto events = events_for<Selector>(4);
        while (!has_failed_wake) EXPECT_TRUE(ok(selector.select(events, 50ms)));
        other.join();
        // It can be woken as before.
        EXPECT_TRUE(ok(mio::sys::wake(waker)));
        EXPECT_TRUE(ok(selector.select(events, 500ms)));
        EXPECT_EQ(events.size(), 1u);
    }));
}

TEST(PollSelector, ChecksTheFileTypeWhereEpollIsUnavailable) {
    if (!can_forbid_system_calls()) GTEST_SKIP() << "system call filters are unavailable";
    for (const int error : {ENOSYS, EPERM}) {
        EXPECT_TRUE(holds_in_child([error] {
            ASSERT_TRUE(forbid_system_call(SYS_epoll_create1, error));
            Selector selector(must(Selector::open()));
            const auto add = [&selector](const char* path) {
                const plain::Socket file(::open(path, O_RDONLY | O_CLOEXEC));
                const auto added = selector.add(file.fd(), Token{1}, Interest::readable, mio::Trigger::edge);
                if (!added) return added.error();
                Selector::forget(*added);
                return std::error_code();
            };
            EXPECT_EQ(add("/proc/self/mounts"), std::errc::operation_not_permitted);
            EXPECT_EQ(add("/"), std::errc::operation_not_permitted);
            EXPECT_EQ(add("/dev/null"), std::error_code()); // poll(2) does not reveal that it is always ready
        }));
    }
}
