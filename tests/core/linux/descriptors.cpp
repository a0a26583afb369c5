#include <sys/syscall.h>

#include <cerrno>
#include <system_error>

#include "posix.hpp"
#include "sandbox.hpp"

using namespace test;

TEST(Descriptors, AreClosedWhenRegisteringAWakerFails) {
    if (mio::backend() != "epoll") GTEST_SKIP() << "makes epoll_ctl fail";
    EXPECT_TRUE(holds_in_child([] {
        Loop loop;
        const auto [here, there] = plain::socket_pair();
        mio::RawSource source(here.fd());
        const auto before = open_descriptors();
        // ENOSPC: the user's limit of watches is reached. See epoll(7), max_user_watches.
        ASSERT_TRUE(forbid_system_call(SYS_epoll_ctl, ENOSPC)) << "seccomp is unavailable";
        for (int i = 0; i < 3; ++i) {
            const auto waker = mio::Waker::create(loop.registry(), Token{1});
            EXPECT_TRUE(fails_with(waker, std::errc::no_space_on_device));
            EXPECT_EQ(open_descriptors(), before);
        }
        // The failed add leaves the source unregistered, so it can be registered later.
        for (int i = 0; i < 2; ++i) {
            EXPECT_TRUE(fails_with(loop.registry().add(source, Token{1}, Interest::readable),
                                   std::errc::no_space_on_device));
            EXPECT_TRUE(fails_with(loop.registry().remove(source), mio::Errc::not_registered));
        }
    }));
}
