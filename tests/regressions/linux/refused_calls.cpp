// Regression tests for past defects of Mio that need a failing system call.
#include <sys/syscall.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "posix.hpp"
#include "sandbox.hpp"
#include "tcp.hpp"

using namespace test;

namespace {

constexpr Token first{1};
constexpr Token second{2};

// EAGAIN from connect was treated as success.
TEST(Connect, OnlyInProgressStartsAConnection) {
    if (!can_forbid_system_calls()) GTEST_SKIP() << "system call filters are unavailable";
    for (const int error : {EAGAIN, EINTR, EALREADY, EISCONN, ENOBUFS}) {
        EXPECT_TRUE(holds_in_child([error] {
            const auto listener = plain::listen(local_v4());
            const auto address = plain::address_of(listener);
            ASSERT_TRUE(forbid_system_call(SYS_connect, error));
            const DescriptorGuard guard;
            EXPECT_TRUE(fails_with(TcpStream::connect(address), std::error_code(error, mio::os_category())));

            // The socket stays open for another attempt.
            auto socket = must(TcpSocket::v4());
            EXPECT_FALSE(std::move(socket).connect(address));
            EXPECT_NE(socket.raw(), mio::invalid_handle);
        }));
    }
    EXPECT_TRUE(holds_in_child([] {
        ASSERT_TRUE(forbid_system_call(SYS_connect, EINPROGRESS));
        EXPECT_TRUE(ok(TcpStream::connect({IpAddress::loopback_v4(), 80})));
    }));
}

// A registration refused by the kernel left the source registered, with no way to undo it.
TEST(Registry, StreamRefusedByTheKernelCanBeAddedLater) {
    if (mio::backend() != "epoll") GTEST_SKIP() << "makes epoll_ctl fail";
    if (!can_forbid_system_calls()) GTEST_SKIP() << "system call filters are unavailable";
    EXPECT_TRUE(holds_in_child([] {
        Loop loop;
        auto pair = tcp_pair();
        ASSERT_TRUE(ok(loop.registry().add(pair.server, first, Interest::readable)));
        ASSERT_TRUE(forbid_system_call(SYS_epoll_ctl, ENOSPC));
        EXPECT_TRUE(fails_with(loop.registry().add(pair.client, second, read_write),
                               std::error_code(ENOSPC, mio::os_category())));
        EXPECT_TRUE(fails_with(loop.registry().remove(pair.client), mio::Errc::not_registered));
        EXPECT_TRUE(fails_with(loop.registry().modify(pair.server, second, read_write),
                               std::error_code(ENOSPC, mio::os_category())));
        EXPECT_TRUE(
            fails_with(loop.registry().remove(pair.server), std::error_code(ENOSPC, mio::os_category())));

        // The registered source is unchanged.
        EXPECT_TRUE(
            fails_with(loop.registry().add(pair.server, second, read_write), mio::Errc::already_registered));
        ASSERT_EQ(must(pair.client.write(bytes_of("x"))), 1u);
        loop.expect({{first, Readiness::readable}});
    }));
}

} // namespace
