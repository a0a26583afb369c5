#include <sys/syscall.h>

#include <cerrno>
#include <system_error>

#include "posix.hpp"
#include "sandbox.hpp"

using namespace test;

TEST(Descriptors, OfAWakerThatCannotBeRegisteredAreClosed) {
    if (mio::backend() != "epoll") GTEST_SKIP() << "makes epoll_ctl fail";
    EXPECT_TRUE(holds_in_child([] {
        Loop loop;
        const auto [here, there] = plain::socket_pair();
        mio::RawSource source(here.fd());
        const auto before = open_descriptors();
        // As when the user has too many watches. See epoll(7), max_user_watches.
        ASSERT_TRUE(forbid_system_call(SYS_epoll_ctl, ENOSPC)) << "no seccomp here";
        for (int i = 0; i < 3; ++i) {
            const auto waker = mio::Waker::create(loop.registry(), Token{1});
            EXPECT_TRUE(fails_with(waker, std::errc::no_space_on_device));
            EXPECT_EQ(open_descriptors(), before);
        }
        // A source that cannot be registered can still be: not registered is what it remembers.
        for (int i = 0; i < 2; ++i) {
            EXPECT_TRUE(fails_with(loop.registry().add(source, Token{1}, Interest::readable),
                                   std::errc::no_space_on_device));
            EXPECT_TRUE(fails_with(loop.registry().remove(source), mio::Errc::not_registered));
        }
    }));
}
