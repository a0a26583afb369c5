// The poll(2) backend: what it makes of the flags that come back, and what a wake costs.
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>

#include "posix.hpp"
#include "sandbox.hpp"
#include "tcp.hpp"

import mio.sys.poll;

using namespace test;
using mio::sys::poll::decode;
using mio::sys::poll::Selector;

namespace {

constexpr int rdhup = mio::sys::poll::read_hang_up;

// The table of the interface, written out a second time, flag by flag.
constexpr bool is_decoded_as_tabulated(int flags, Interest interest) {
    const auto readiness = decode(static_cast<short>(flags), interest);
    const auto has = [readiness](Readiness bit) { return (readiness & bit) != Readiness::none; };
    const auto set = [flags](int some) { return (flags & some) == some; };
    const bool failed = set(POLLHUP) || set(POLLERR);
    return has(Readiness::readable)
               == (set(POLLIN) || set(POLLPRI) || (rdhup != 0 && set(rdhup))
                   || (failed && (interest.is_readable() || interest.is_priority())))
           && has(Readiness::writable) == (set(POLLOUT) || (failed && interest.is_writable()))
           && has(Readiness::priority) == set(POLLPRI) && has(Readiness::error) == set(POLLERR)
           && has(Readiness::read_closed) == (set(POLLHUP) || (rdhup != 0 && set(rdhup)))
           && has(Readiness::write_closed) == (set(POLLHUP) || set(POLLOUT | POLLERR) || flags == POLLERR)
           && !has(Readiness::aio) && !has(Readiness::lio);
}
constexpr bool every_combination_is() {
    for (const auto interest : {Interest::readable, Interest::writable, read_write, Interest::priority}) {
        for (unsigned bits = 0; bits < 64; ++bits) {
            int flags = 0;
            int i = 0;
            for (const int flag : {POLLIN, POLLOUT, POLLPRI, POLLERR, POLLHUP, rdhup}) {
                if ((bits >> i++ & 1u) != 0) flags |= flag;
            }
            if (!is_decoded_as_tabulated(flags, interest)) return false;
        }
    }
    return true;
}
static_assert(every_combination_is());

} // namespace

TEST(PollSelector, NamesTheFlags) {
    const auto text = [](int flags) {
        return Selector::describe(mio::Event(Token{}, Readiness::none, static_cast<unsigned>(flags)));
    };
    EXPECT_EQ(text(0), "(empty)");
    EXPECT_EQ(text(POLLIN), "POLLIN");
    EXPECT_EQ(text(POLLIN | POLLPRI | POLLOUT | POLLERR | POLLHUP | rdhup),
              "POLLIN|POLLPRI|POLLOUT|POLLERR|POLLHUP|POLLRDHUP");
}

TEST(PollSelector, HasNoDescriptorToWatch) {
    const Selector selector(must(Selector::open()));
    EXPECT_EQ(selector.raw_fd(), mio::invalid_handle);
}

TEST(PollSelector, IsWokenWithoutASystemCallWhileNobodyWaits) {
    if (!can_forbid_system_calls()) GTEST_SKIP() << "no system call filters here";
    EXPECT_TRUE(holds_in_child([] {
        Selector selector(must(Selector::open()));
        Selector::Waker waker(selector, Token{1}, {});
        mio::Events events(4, Selector::record_size);
        ASSERT_TRUE(forbid_system_call(SYS_write, EPERM));
        for (int i = 0; i < 3; ++i) {
            EXPECT_TRUE(ok(waker.wake()));
            EXPECT_TRUE(ok(selector.select(events, std::chrono::nanoseconds(500ms))));
            EXPECT_EQ(events.size(), 1u);
        }
    }));
}

TEST(PollSelector, GoesByTheKindOfAFileWhereThereIsNoEpoll) {
    if (!can_forbid_system_calls()) GTEST_SKIP() << "no system call filters here";
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
            EXPECT_EQ(add("/dev/null"), std::error_code()); // poll(2) cannot say that it is always ready
        }));
    }
}

TEST(PollSelector, TellsWhenItCannotBeInterrupted) {
    if (!can_forbid_system_calls()) GTEST_SKIP() << "no system call filters here";
    EXPECT_TRUE(holds_in_child([] {
        Selector selector(must(Selector::open()));
        Selector::Waker waker(selector, Token{1}, {});
        std::atomic<bool> is_told = false;
        std::thread other([&] {
            // The filter is this thread's alone. As long as the other one does not wait yet, nothing is to be written.
            ASSERT_TRUE(forbid_system_call(SYS_write, EPERM));
            mio::Result<> woken;
            while ((woken = waker.wake())) std::this_thread::sleep_for(1ms);
            EXPECT_TRUE(fails_with(woken, std::errc::operation_not_permitted));
            is_told = true;
        });
        mio::Events events(4, Selector::record_size);
        while (!is_told) EXPECT_TRUE(ok(selector.select(events, 50ms)));
        other.join();
        // It may be woken as before.
        EXPECT_TRUE(ok(waker.wake()));
        EXPECT_TRUE(ok(selector.select(events, 500ms)));
        EXPECT_EQ(events.size(), 1u);
    }));
}
