#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "../pair.hpp"
#include "posix.hpp"

using namespace test;
using mio::Errc;

namespace {

constexpr Token id1{1}, id2{2};

} // namespace

TEST(RegistryError, FailedModifyLeavesTheSourceRegistered) {
    if (mio::backend() != "epoll") GTEST_SKIP() << "removes the registration from epoll directly";
    Loop loop;
    Pair pair;
    ASSERT_TRUE(ok(loop.registry().add(pair.source, id1, Interest::readable)));
    // Remove the handle from epoll without the library, so that its next calls fail.
    ASSERT_EQ(::epoll_ctl(loop.poll.raw_fd(), EPOLL_CTL_DEL, pair.here.fd(), nullptr), 0);
    const auto modified = loop.registry().modify(pair.source, id2, Interest::readable);
    ASSERT_TRUE(fails_with(modified, std::errc::no_such_file_or_directory));
    EXPECT_EQ(modified.error().category(), mio::os_category());
    EXPECT_TRUE(
        fails_with(loop.registry().add(pair.source, id2, Interest::readable), Errc::already_registered));
    // After the kernel watches it again, everything works as before.
    ::epoll_event record{.events = EPOLLIN | EPOLLET, .data = {.u64 = id1.value}};
    ASSERT_EQ(::epoll_ctl(loop.poll.raw_fd(), EPOLL_CTL_ADD, pair.here.fd(), &record), 0);
    EXPECT_TRUE(ok(loop.registry().modify(pair.source, id2, Interest::readable)));
    pair.speak();
    loop.expect({{id2, Interest::readable}});
    EXPECT_TRUE(ok(loop.registry().remove(pair.source)));
}

TEST(Registry, DestroyingASourceRemovesItsRegistrationDespiteHandleInheritedByChild) {
    Loop loop;
    auto [here, there] = plain::socket_pair();
    const int number = here.fd();
    std::optional stream(mio::net::TcpStream::from_raw(here.release()));
    const auto child = ::fork();
    ASSERT_NE(child, -1);
    if (child == 0) {
        while (true) ::pause();
    }
    ASSERT_TRUE(ok(loop.registry().add(*stream, id1, read_write, mio::Trigger::level)));
    stream.reset();
    plain::write_all(there, "x");
    loop.expect_none();
    // Verify that the child kept the handle open.
    EXPECT_EQ(::access(("/proc/" + std::to_string(child) + "/fd/" + std::to_string(number)).c_str(), F_OK),
              0);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
}

namespace {

struct Kind {
    const char* name;
    int (*open)();
    void (*signal)(int);
};

// Anonymous files, which all share one inode.
constexpr Kind kinds[] = {
    {"eventfd", [] { return ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); },
     [](int fd) { ::eventfd_write(fd, 1); }},
    {"timerfd", [] { return ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK); },
     [](int fd) {
         const ::itimerspec at_once{.it_interval = {}, .it_value = {.tv_sec = 0, .tv_nsec = 1}};
         ::timerfd_settime(fd, 0, &at_once, nullptr);
     }},
};

} // namespace

TEST(Registry, ReusedDescriptorNumberOfAnonymousFileReportsItsOwnToken) {
    for (const auto& kind : kinds) {
        SCOPED_TRACE(kind.name);
        Loop loop;
        const int number = kind.open();
        ASSERT_NE(number, -1);
        mio::RawSource old(number);
        ASSERT_TRUE(ok(loop.registry().add(old, id1, Interest::readable)));
        ASSERT_EQ(::close(number), 0);
        ASSERT_EQ(kind.open(), number);
        mio::RawSource source(number);
        ASSERT_TRUE(ok(loop.registry().add(source, id2, Interest::readable)));
        EXPECT_TRUE(fails_with(loop.registry().modify(old, id1, Interest::readable), Errc::not_registered));
        EXPECT_TRUE(ok(loop.registry().remove(old)));
        kind.signal(number);
        ASSERT_TRUE(ok(loop.poll.poll(loop.events, 500ms)));
        ASSERT_EQ(loop.events.size(), 1u);
        EXPECT_EQ(loop.events[0].token(), id2);
        EXPECT_TRUE(ok(loop.registry().remove(source)));
        ::close(number);
    }
}

TEST(Handle, ReusedNumberOfAnonymousFileCanBeAddedOrModified) {
    for (const auto& kind : kinds) {
        SCOPED_TRACE(kind.name);
        Loop loop;
        const int number = kind.open();
        ASSERT_NE(number, -1);
        ASSERT_TRUE(ok(loop.registry().add(number, id1, Interest::readable)));
        ASSERT_EQ(::close(number), 0);
        ASSERT_EQ(kind.open(), number);
        const auto added = loop.registry().add(number, id2, Interest::readable);
        if (mio::backend() == "poll") { // which cannot distinguish them
            EXPECT_TRUE(fails_with(added, Errc::already_registered));
            ASSERT_TRUE(ok(loop.registry().modify(number, id2, Interest::readable)));
        } else {
            EXPECT_TRUE(ok(added));
        }
        kind.signal(number);
        ASSERT_TRUE(ok(loop.poll.poll(loop.events, 500ms)));
        ASSERT_EQ(loop.events.size(), 1u);
        EXPECT_EQ(loop.events[0].token(), id2);
        EXPECT_TRUE(ok(loop.registry().remove(number)));
        ::close(number);
    }
}
