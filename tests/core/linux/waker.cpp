// Wakers on epoll: the events of the golden table, and a wake whose write the kernel refuses.
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "sandbox.hpp"

#include "golden.hpp"

using namespace test;

TEST(WakerGolden, EventsMatchEpoll) {
    if (mio::backend() != "epoll") GTEST_SKIP() << "tests epoll flags";
    Loop loop;
    const auto waker = must(mio::Waker::create(loop.registry(), golden_token));
    expect_golden_event(loop, golden_epoll_event("waker-once: not woken"));
    ASSERT_TRUE(ok(waker.wake()));
    expect_golden_event(loop, golden_epoll_event("waker-once: woken"));
    expect_golden_event(loop, golden_epoll_event("waker-once: reported already"));
}

// Other writers keep the counter full.
TEST(WakeFailure, WakeFailsWhenTheWriteNeverSucceeds) {
    if (mio::backend() != "epoll") GTEST_SKIP() << "only an epoll waker writes although no thread waits";
    for (const int error : {EAGAIN, EINTR, EIO}) {
        std::fflush(nullptr);
        const auto child = ::fork();
        ASSERT_NE(child, -1);
        if (child == 0) {
            ::alarm(20); // ends the child if wake() never returns
            Loop loop;
            const auto waker = must(mio::Waker::create(loop.registry(), Token{1}));
            if (!forbid_system_call(SYS_write, error)) ::_exit(2);
            const auto woken = waker.wake();
            ::_exit(!woken && woken.error() == std::error_code(error, mio::os_category()) ? 0 : 1);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_TRUE(WIFEXITED(status)) << "killed by signal " << WTERMSIG(status) << " after " << error;
        EXPECT_EQ(WEXITSTATUS(status), 0) << error;
    }
}
