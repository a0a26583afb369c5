#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <system_error>

#include "posix.hpp"
#include "sandbox.hpp"
#include "tcp.hpp"

using namespace test;

namespace {

TEST(TcpListener, HasABacklogOf128) {
    const auto listener = must(TcpListener::bind(local_v4()));
    ::tcp_info info{};
    ::socklen_t length = sizeof info;
    ASSERT_EQ(::getsockopt(listener.raw(), IPPROTO_TCP, TCP_INFO, &info, &length), 0);
    EXPECT_EQ(info.tcpi_sacked, 128u); // Linux reports a listener's backlog here
}

TEST(TcpListener, BacklogLimitsPendingConnections) {
    const auto backlog_of = [](const TcpListener& listener) {
        ::tcp_info info{};
        ::socklen_t length = sizeof info;
        EXPECT_EQ(::getsockopt(listener.raw(), IPPROTO_TCP, TCP_INFO, &info, &length), 0);
        return info.tcpi_sacked; // Linux reports a listener's backlog here
    };
    for (const auto& at : {local_v4(), local_v6()}) {
        EXPECT_EQ(backlog_of(must(TcpListener::bind(at))), 128u);
        for (const int backlog : {0, 1, 7, 200}) {
            EXPECT_EQ(backlog_of(must(TcpListener::bind(at, backlog))), static_cast<unsigned>(backlog));
        }
        // Everything else is as without a backlog argument.
        const auto listener = must(TcpListener::bind(at, 7));
        EXPECT_EQ(must(listener.local_address()).ip(), at.ip());
        EXPECT_TRUE(
            fails_with(TcpListener::bind(must(listener.local_address()), 7), std::errc::address_in_use));
    }
}

TEST(TcpListener, AcceptReportsAnAbortedConnection) {
    if (!can_forbid_system_calls()) GTEST_SKIP() << "system call filters are unavailable";
    EXPECT_TRUE(holds_in_child([] {
        const auto listener = must(TcpListener::bind(local_v4()));
        const auto before = open_descriptors();
        ASSERT_TRUE(forbid_system_call(SYS_accept4, ECONNABORTED));
        const auto accepted = listener.accept();
        EXPECT_TRUE(fails_with(accepted, std::errc::connection_aborted));
        if (!accepted) {
            EXPECT_FALSE(mio::would_block(accepted.error()));
        }
        EXPECT_EQ(open_descriptors(), before);
    }));
}

TEST(TcpListener, InterruptedCallsAreNotRetried) {
    if (!can_forbid_system_calls()) GTEST_SKIP() << "system call filters are unavailable";
    EXPECT_TRUE(holds_in_child([] {
        const auto listener = must(TcpListener::bind(local_v4()));
        ASSERT_TRUE(forbid_system_call(SYS_accept4, EINTR));
        const auto accepted = listener.accept();
        ASSERT_FALSE(accepted);
        EXPECT_TRUE(mio::interrupted(accepted.error()));
    }));
}

TEST(TcpListener, FailedBindLeaksNoDescriptor) {
    if (!can_forbid_system_calls()) GTEST_SKIP() << "system call filters are unavailable";
    for (const long step : {long{SYS_setsockopt}, long{SYS_bind}, long{SYS_listen}}) {
        EXPECT_TRUE(holds_in_child([step] {
            ASSERT_TRUE(forbid_system_call(step, ENOBUFS));
            const DescriptorGuard guard;
            EXPECT_TRUE(fails_with(TcpListener::bind(local_v4()), std::errc::no_buffer_space)) << step;
        }));
    }
}

} // namespace
