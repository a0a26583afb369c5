#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

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
    EXPECT_EQ(info.tcpi_sacked, 128u); // where Linux puts it for a listener
}

TEST(TcpListener, CanFollowAnEarlierOneAtOnce) {
    // A connection that the server closed first lingers at the server's port.
    auto earlier = must(TcpListener::bind(local_v4()));
    const auto address = must(earlier.local_address());
    {
        const auto peer = plain::connect(address);
        plain::await(earlier.raw(), POLLIN);
        {
            const auto stream = must(earlier.accept()).first;
        }
        EXPECT_EQ(plain::read_exactly(peer, 1), "");
    }
    earlier = must(TcpListener::bind(local_v4()));

    // Without the option that is an obstacle, with it, which is how bind works, it is none.
    const auto strict = must(TcpSocket::v4());
    EXPECT_TRUE(fails_with(strict.bind(address), std::errc::address_in_use));
    EXPECT_TRUE(ok(TcpListener::bind(address)));
}

TEST(TcpListener, CannotBeBoundToAPortThatNeedsPrivileges) {
    EXPECT_TRUE(holds_in_child([] {
        // Give up what privileges there are, for this process only.
        if (::geteuid() == 0) {
            ASSERT_EQ(::seteuid(65534), 0);
        }
        const DescriptorGuard guard;
        const auto bound = TcpListener::bind({IpAddress::loopback_v4(), 1});
        if (bound) return; // net.ipv4.ip_unprivileged_port_start allows it here
        EXPECT_EQ(bound.error(), std::errc::permission_denied);
    }));
}

TEST(TcpListener, LetsAsManyConnectionsWaitAsItIsTold) {
    const auto backlog_of = [](const TcpListener& listener) {
        ::tcp_info info{};
        ::socklen_t length = sizeof info;
        EXPECT_EQ(::getsockopt(listener.raw(), IPPROTO_TCP, TCP_INFO, &info, &length), 0);
        return info.tcpi_sacked; // where Linux puts it for a listener
    };
    for (const auto& at : {local_v4(), local_v6()}) {
        EXPECT_EQ(backlog_of(must(TcpListener::bind(at))), 128u);
        for (const int backlog : {0, 1, 7, 200}) {
            EXPECT_EQ(backlog_of(must(TcpListener::bind(at, backlog))), static_cast<unsigned>(backlog));
        }
        // What is true of the one is true of the other.
        const auto listener = must(TcpListener::bind(at, 7));
        EXPECT_EQ(must(listener.local_address()).ip(), at.ip());
        EXPECT_TRUE(
            fails_with(TcpListener::bind(must(listener.local_address()), 7), std::errc::address_in_use));
    }
}

TEST(TcpListener, CarriesOnAfterAcceptingFailed) {
    EXPECT_TRUE(holds_in_child([] {
        const auto listener = must(TcpListener::bind(local_v4()));
        const auto address = must(listener.local_address());
        const auto peer = plain::connect(address);
        plain::await(listener.raw(), POLLIN);

        // No descriptor is left: that is an error and not would-block, and nothing is lost by it.
        const DescriptorGuard guard;
        for (int round = 0; round < 3; ++round) {
            const auto accepted = without_descriptors([&] { return listener.accept(); });
            EXPECT_TRUE(fails_with(accepted, std::errc::too_many_files_open));
            if (!accepted) {
                EXPECT_FALSE(mio::would_block(accepted.error()));
            }
        }

        // With one descriptor the connection, which still waits, is there.
        auto held = exhaust_descriptors(1);
        const auto accepted = listener.accept();
        held.clear();
        ASSERT_TRUE(ok(accepted));
        EXPECT_EQ(accepted->second, plain::address_of(peer));
        EXPECT_TRUE(blocks(listener.accept()));
        ASSERT_EQ(must(accepted->first.write(bytes_of("late"))), 4u);
        EXPECT_EQ(plain::read_exactly(peer, 4), "late");
    }));
}

TEST(TcpListener, PassesOnThatAConnectionWasAborted) {
    if (!can_forbid_system_calls()) GTEST_SKIP() << "no system call filters here";
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

TEST(TcpListener, DoesNotRetryWhatASignalInterrupted) {
    if (!can_forbid_system_calls()) GTEST_SKIP() << "no system call filters here";
    EXPECT_TRUE(holds_in_child([] {
        const auto listener = must(TcpListener::bind(local_v4()));
        ASSERT_TRUE(forbid_system_call(SYS_accept4, EINTR));
        const auto accepted = listener.accept();
        ASSERT_FALSE(accepted);
        EXPECT_TRUE(mio::interrupted(accepted.error()));
    }));
}

TEST(TcpListener, IsNotMadeWhenDescriptorsAreExhausted) {
    EXPECT_TRUE(holds_in_child([] {
        EXPECT_TRUE(fails_with(without_descriptors([] { return TcpListener::bind(local_v4()); }),
                               std::errc::too_many_files_open));
    }));
}

TEST(TcpListener, LeavesNoDescriptorWhenAStepOfItsMakingFails) {
    if (!can_forbid_system_calls()) GTEST_SKIP() << "no system call filters here";
    for (const long step : {long{SYS_setsockopt}, long{SYS_bind}, long{SYS_listen}}) {
        EXPECT_TRUE(holds_in_child([step] {
            ASSERT_TRUE(forbid_system_call(step, ENOBUFS));
            const DescriptorGuard guard;
            EXPECT_TRUE(fails_with(TcpListener::bind(local_v4()), std::errc::no_buffer_space)) << step;
        }));
    }
}

} // namespace
