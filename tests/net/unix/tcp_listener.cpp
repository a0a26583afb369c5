#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "posix.hpp"
#include "tcp.hpp"

using namespace test;

namespace {

TEST(TcpListener, CanReuseTheAddressImmediately) {
    // A connection that the server closes first stays in TIME_WAIT at the server's port.
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

    // bind fails without SO_REUSEADDR; TcpListener::bind sets it.
    const auto strict = must(TcpSocket::v4());
    EXPECT_TRUE(fails_with(strict.bind(address), std::errc::address_in_use));
    EXPECT_TRUE(ok(TcpListener::bind(address)));
}

TEST(TcpListener, BindFailsForAPrivilegedPort) {
    EXPECT_TRUE(holds_in_child([] {
        // Drop privileges in this process only.
        if (::geteuid() == 0) {
            ASSERT_EQ(::seteuid(65534), 0);
        }
        const DescriptorGuard guard;
        const auto bound = TcpListener::bind({IpAddress::loopback_v4(), 1});
        if (bound) return; // net.ipv4.ip_unprivileged_port_start permits it
        EXPECT_EQ(bound.error(), std::errc::permission_denied);
    }));
}

TEST(TcpListener, StaysUsableAfterAcceptFails) {
    EXPECT_TRUE(holds_in_child([] {
        const auto listener = must(TcpListener::bind(local_v4()));
        const auto address = must(listener.local_address());
        const auto peer = plain::connect(address);
        plain::await(listener.raw(), POLLIN);

        // Without a free descriptor accept fails, not with would-block, and the connection is kept.
        const DescriptorGuard guard;
        for (int round = 0; round < 3; ++round) {
            const auto accepted = without_descriptors([&] { return listener.accept(); });
            EXPECT_TRUE(fails_with(accepted, std::errc::too_many_files_open));
            if (!accepted) {
                EXPECT_FALSE(mio::would_block(accepted.error()));
            }
        }

        // With one free descriptor the pending connection is accepted.
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

TEST(TcpListener, BindFailsWhenDescriptorsAreExhausted) {
    EXPECT_TRUE(holds_in_child([] {
        EXPECT_TRUE(fails_with(without_descriptors([] { return TcpListener::bind(local_v4()); }),
                               std::errc::too_many_files_open));
    }));
}

} // namespace
