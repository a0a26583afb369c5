// Options of Linux, and what the kernel makes of them.
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "posix.hpp"
#include "processor.hpp"

#include "tcp_sockets.hpp"

using namespace test;
using mio::Errc;

namespace {

const auto invalid = std::errc::invalid_argument;

bool is_v6(const TcpSocketBase& socket) { return kernel_option(socket, SOL_SOCKET, SO_DOMAIN) == AF_INET6; }

TEST(TcpUserTimeout, IsUnsetUntilItIsSetInMilliseconds) {
    on_each_tcp_socket([](const TcpSocketBase& socket) {
        EXPECT_EQ(must(socket.user_timeout()), std::nullopt);
        const auto sets = [&](mio::Saturating<std::chrono::milliseconds> limit, int expected) {
            ASSERT_TRUE(ok(socket.set_user_timeout(limit)));
            EXPECT_EQ(must(socket.user_timeout()), std::chrono::milliseconds(expected));
            EXPECT_EQ(kernel_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT), expected);
        };
        sets(1500ms, 1500);
        sets(1ns, 1);
        sets(1001us, 2);
        sets(std::chrono::hours::max(), INT_MAX);
        for (const auto limit : {0s, -1s, std::chrono::seconds::min()})
            EXPECT_TRUE(fails_with(socket.set_user_timeout(limit), invalid));
        EXPECT_EQ(kernel_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT), INT_MAX);
        ASSERT_TRUE(ok(socket.set_user_timeout(std::nullopt)));
        EXPECT_EQ(must(socket.user_timeout()), std::nullopt);
        EXPECT_EQ(kernel_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
    });
}

TEST(TcpFastOpen, ListenerHasAQueueOfTheRequestedLength) {
    for (const auto& at : {local_v4(), local_v6()}) {
        const auto listener = must(TcpListener::bind(at));
        EXPECT_EQ(listener.fastopen(), 0u);
        for (const std::uint32_t queue : {16u, 1u, 0u}) {
            ASSERT_TRUE(ok(listener.set_fastopen(queue)));
            EXPECT_EQ(listener.fastopen(), queue);
            EXPECT_EQ(kernel_option(listener, IPPROTO_TCP, TCP_FASTOPEN), static_cast<int>(queue));
        }
        ASSERT_TRUE(ok(listener.set_fastopen(0xffff'ffff)));
        EXPECT_GT(must(listener.fastopen()), 16u) << "the kernel limits it to somaxconn";
    }
}

TEST(TcpFastOpen, CannotBeSetOnAStream) {
    const auto pair = tcp_pair();
    EXPECT_TRUE(fails_with(pair.client.set_fastopen(1), invalid));
    EXPECT_TRUE(fails_with(pair.server.set_fastopen(1), invalid));
    EXPECT_TRUE(fails_with(pair.client.set_fastopen_connect(true), invalid));
}

TEST(TcpFastOpen, ConnectsBeforeOrWithTheFirstWrite) {
    for (const auto& at : {local_v4(), local_v6()}) {
        auto prepared = must(at.ip().is_v4() ? TcpSocket::v4() : TcpSocket::v6());
        ASSERT_TRUE(ok(prepared.bind(at)));
        const auto listener = must(std::move(prepared).listen(4));
        ASSERT_TRUE(ok(listener.set_fastopen(4)));
        // The first connection obtains the cookie that the second one needs.
        for (int i = 0; i < 2; ++i) {
            auto socket = must(at.ip().is_v4() ? TcpSocket::v4() : TcpSocket::v6());
            EXPECT_EQ(socket.fastopen_connect(), false);
            ASSERT_TRUE(ok(socket.set_fastopen_connect(true)));
            EXPECT_EQ(socket.fastopen_connect(), true);
            EXPECT_EQ(kernel_option(socket, IPPROTO_TCP, TCP_FASTOPEN_CONNECT), 1);
            auto stream = must(std::move(socket).connect(must(listener.local_address())));
            Loop loop;
            ASSERT_TRUE(ok(loop.registry().add(stream, Token{1}, Interest::writable)));
            loop.expect({{Token{1}, Interest::writable}});
            EXPECT_TRUE(ok(stream.finish_connect())) << "true or false, but not a failure";
            ASSERT_EQ(stream.write(bytes_of("early")), 5u);
            plain::await(listener.raw(), POLLIN);
            const auto [accepted, peer] = must(listener.accept());
            plain::await(accepted.raw(), POLLIN);
            EXPECT_EQ(drain(accepted), "early");
            plain::await(stream.raw(), POLLOUT);
            EXPECT_EQ(stream.finish_connect(), true);
        }
    }
}

TEST(TcpQuickAck, IsSetOnEverySocket) {
    on_each_tcp_socket([](const TcpSocketBase& socket) {
        for (const bool on : {false, true, false}) {
            ASSERT_TRUE(ok(socket.set_quickack(on)));
            EXPECT_EQ(socket.quickack(), on);
            EXPECT_EQ(kernel_option(socket, IPPROTO_TCP, TCP_QUICKACK) != 0, on);
        }
    });
}

TEST(IpTos, IsZeroUntilItIsSetWithoutTheEcnBitsOfTcp) {
    on_each_tcp_socket([](const TcpSocketBase& socket) {
        const auto [level, name] =
            is_v6(socket) ? std::pair(IPPROTO_IPV6, IPV6_TCLASS) : std::pair(IPPROTO_IP, IP_TOS);
        EXPECT_EQ(socket.tos(), 0u);
        for (const std::uint32_t tos : {0x10u, 0xb8u, 0xfcu, 0u}) {
            ASSERT_TRUE(ok(socket.set_tos(tos)));
            EXPECT_EQ(socket.tos(), tos);
            EXPECT_EQ(kernel_option(socket, level, name), static_cast<int>(tos));
            EXPECT_EQ(kernel_option(socket, IPPROTO_IP, IP_TOS), static_cast<int>(tos));
        }
        ASSERT_TRUE(ok(socket.set_tos(0xff)));
        EXPECT_EQ(socket.tos(), 0xfcu) << "ECN belongs to the kernel";
        for (const std::uint32_t tos : {256u, 0x1000'0000u, 0xffff'ffffu})
            EXPECT_TRUE(fails_with(socket.set_tos(tos), invalid));
        EXPECT_EQ(socket.tos(), 0xfcu);
    });
}

TEST(IpTos, DscpIsItsUpperSixBits) {
    on_each_tcp_socket([](const TcpSocketBase& socket) {
        EXPECT_EQ(socket.dscp(), 0u);
        for (const std::uint32_t dscp : {46u, 63u, 0u, 8u}) {
            ASSERT_TRUE(ok(socket.set_dscp(dscp)));
            EXPECT_EQ(socket.dscp(), dscp);
            EXPECT_EQ(socket.tos(), dscp << 2);
            EXPECT_EQ(kernel_option(socket, IPPROTO_IP, IP_TOS), static_cast<int>(dscp << 2));
        }
        for (const std::uint32_t dscp : {64u, 0x4000'0000u, 0xffff'ffffu})
            EXPECT_TRUE(fails_with(socket.set_dscp(dscp), invalid));
        EXPECT_EQ(socket.dscp(), 8u);
    });
}

std::string kernel_device(const TcpSocketBase& socket) {
    std::array<char, 64> name{};
    ::socklen_t length = name.size();
    EXPECT_EQ(::getsockopt(socket.raw(), SOL_SOCKET, SO_BINDTODEVICE, name.data(), &length), 0);
    return name.data();
}

TEST(IpDevice, RestrictsASocketToAnInterface) {
    on_each_tcp_socket([](const TcpSocketBase& socket) {
        EXPECT_EQ(socket.device(), "");
        const auto bound = socket.bind_device("lo");
        if (!bound && bound.error() == std::errc::operation_not_permitted)
            GTEST_SKIP() << "CAP_NET_RAW is needed here";
        ASSERT_TRUE(ok(bound));
        EXPECT_EQ(socket.device(), "lo");
        EXPECT_EQ(kernel_device(socket), "lo");
        const auto no_device = std::errc::no_such_device;
        EXPECT_TRUE(fails_with(socket.bind_device("no-such-device0"), no_device));
        EXPECT_TRUE(fails_with(socket.bind_device(std::string(1000, 'x')), no_device));
        EXPECT_TRUE(fails_with(socket.bind_device("lo" + std::string(100, 'x')), no_device));
        EXPECT_TRUE(fails_with(socket.bind_device(std::string_view("lo\0x", 4)), Errc::interior_nul));
        EXPECT_EQ(socket.device(), "lo");
        const auto freed = socket.bind_device("");
        if (!freed && freed.error() == std::errc::operation_not_permitted) return;
        ASSERT_TRUE(ok(freed));
        EXPECT_EQ(socket.device(), "");
        EXPECT_EQ(kernel_device(socket), "");
    });
}

// The kernel uses the first 15 characters of a longer name. So the test needs an interface with a name of that length: the
// loopback of a network of its own.
TEST(IpDevice, NameThatIsTooLongIsNotTruncated) {
    EXPECT_TRUE(holds_in_child([] {
        if (::unshare(CLONE_NEWNET) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
            return; // not permitted
        const std::string longest = "lo0123456789012";
        const auto socket = must(TcpSocket::v4());
        ::ifreq request{};
        std::strcpy(request.ifr_name, "lo");
        longest.copy(request.ifr_newname, longest.size());
        ASSERT_EQ(::ioctl(socket.raw(), SIOCSIFNAME, &request), 0) << std::strerror(errno);

        ASSERT_TRUE(ok(socket.bind_device(longest)));
        EXPECT_EQ(socket.device(), longest);
        ASSERT_TRUE(ok(socket.bind_device("")));
        for (const auto* rest : {"3", "34", "345"})
            EXPECT_TRUE(fails_with(socket.bind_device(longest + rest), std::errc::no_such_device)) << rest;
        EXPECT_EQ(socket.device(), "");
    }));
}

TEST(IpTransparent, AllowsForeignAddresses) {
    for (const bool v6 : {false, true}) {
        const auto socket = must(v6 ? TcpSocket::v6() : TcpSocket::v4());
        EXPECT_EQ(socket.transparent(), false);
        const auto set = socket.set_transparent(true);
        if (!set && set.error() == std::errc::operation_not_permitted)
            GTEST_SKIP() << "CAP_NET_ADMIN is needed";
        ASSERT_TRUE(ok(set));
        EXPECT_EQ(socket.transparent(), true);
        EXPECT_EQ(v6 ? kernel_option(socket, IPPROTO_IPV6, IPV6_TRANSPARENT)
                     : kernel_option(socket, IPPROTO_IP, IP_TRANSPARENT),
                  1);
        // Documentation addresses, which no machine has.
        const auto foreign = must(IpAddress::parse(v6 ? "2001:db8::1" : "192.0.2.1"));
        const auto ordinary = must(v6 ? TcpSocket::v6() : TcpSocket::v4());
        EXPECT_TRUE(fails_with(ordinary.bind({foreign, 0}), std::errc::address_not_available));
        EXPECT_TRUE(ok(socket.bind({foreign, 0})));
        EXPECT_EQ(must(socket.local_address()).ip(), foreign);
        ASSERT_TRUE(ok(socket.set_transparent(false)));
        EXPECT_EQ(socket.transparent(), false);
    }
}

TEST(IpTransparent, IsSetOnEverySocket) {
    on_each_tcp_socket([](const TcpSocketBase& socket) {
        const auto set = socket.set_transparent(true);
        if (!set && set.error() == std::errc::operation_not_permitted)
            GTEST_SKIP() << "CAP_NET_ADMIN is needed";
        ASSERT_TRUE(ok(set));
        EXPECT_EQ(socket.transparent(), true);
    });
}

TEST(IpOptions, FailWithoutThePrivilege) {
    if (::geteuid() != 0) GTEST_SKIP() << "the test drops root's privileges";
    EXPECT_TRUE(holds_in_child([] {
        ASSERT_EQ(::setresuid(65'534, 65'534, 65'534), 0);
        const auto socket = must(TcpSocket::v4());
        EXPECT_TRUE(fails_with(socket.set_transparent(true), std::errc::operation_not_permitted));
        EXPECT_EQ(socket.transparent(), false);
        const auto bound = socket.bind_device("lo"); // allowed since Linux 5.7, but not to change it
        if (!bound) {
            EXPECT_TRUE(fails_with(bound, std::errc::operation_not_permitted));
            return;
        }
        EXPECT_TRUE(fails_with(socket.bind_device(""), std::errc::operation_not_permitted));
        EXPECT_EQ(socket.device(), "lo");
    }));
}

TEST(IpIncomingCpu, IsSetOnEverySocketAndReportsWhoHandledPackets) {
    on_each_tcp_socket([](const TcpSocketBase& socket) {
        ASSERT_TRUE(ok(socket.set_incoming_cpu(0)));
        EXPECT_EQ(must(socket.incoming_cpu()), 0u);
        EXPECT_EQ(kernel_option(socket, SOL_SOCKET, SO_INCOMING_CPU), 0);
        EXPECT_TRUE(fails_with(socket.set_incoming_cpu(0x8000'0000), invalid));
        EXPECT_TRUE(fails_with(socket.set_incoming_cpu(0xffff'ffff), invalid));
        EXPECT_EQ(must(socket.incoming_cpu()), 0u);
    });
    EXPECT_EQ(must(must(TcpSocket::v4()).incoming_cpu()), std::nullopt) << "nothing has arrived yet";

    const OneProcessor here;
    const auto pair = tcp_pair();
    ASSERT_EQ(pair.client.write(bytes_of("x")), 1u);
    plain::await(pair.server.raw(), POLLIN);
    EXPECT_EQ(must(pair.server.incoming_cpu()), static_cast<std::uint32_t>(::sched_getcpu()));
}

TEST(TcpOptions, AcceptedStreamsInheritThoseOfTheListener) {
    for (const auto& at : {local_v4(), local_v6()}) {
        const auto listener = must(TcpListener::bind(at));
        ASSERT_TRUE(ok(listener.set_nodelay(true)));
        ASSERT_TRUE(ok(listener.set_keepalive(true)));
        ASSERT_TRUE(ok(listener.set_keepalive_idle(11s)));
        ASSERT_TRUE(ok(listener.set_keepalive_interval(12s)));
        ASSERT_TRUE(ok(listener.set_keepalive_count(13)));
        ASSERT_TRUE(ok(listener.set_linger(14s)));
        ASSERT_TRUE(ok(listener.set_user_timeout(15s)));
        ASSERT_TRUE(ok(listener.set_ttl(16)));
        ASSERT_TRUE(ok(listener.set_dscp(17)));
        ASSERT_TRUE(ok(listener.set_receive_buffer(20'000)));
        ASSERT_TRUE(ok(listener.set_send_buffer(30'000)));
        const bool is_privileged = listener.set_transparent(true) && listener.bind_device("lo");
        const auto client = plain::connect(must(listener.local_address()));
        plain::await(listener.raw(), POLLIN);
        const auto stream = must(listener.accept()).first;
        EXPECT_EQ(stream.nodelay(), true);
        EXPECT_EQ(stream.keepalive(), true);
        EXPECT_EQ(stream.keepalive_idle(), 11s);
        EXPECT_EQ(stream.keepalive_interval(), 12s);
        EXPECT_EQ(stream.keepalive_count(), 13u);
        EXPECT_EQ(must(stream.linger()), 14s);
        EXPECT_EQ(must(stream.user_timeout()), 15s);
        EXPECT_EQ(stream.ttl(), 16u);
        EXPECT_EQ(stream.dscp(), 17u);
        EXPECT_EQ(stream.receive_buffer(), 40'000u);
        EXPECT_EQ(stream.send_buffer(), 60'000u);
        if (!is_privileged) continue;
        EXPECT_EQ(stream.transparent(), true);
        EXPECT_EQ(stream.device(), "lo");
    }
}

TEST(AnyOption, ReadsAndSetsTextAndStructures) {
    const auto pair = tcp_pair();
    std::array<std::byte, 32> name;
    const auto size = must(pair.server.option(IPPROTO_TCP, TCP_CONGESTION, name));
    EXPECT_GT(size, 0u);
    ASSERT_TRUE(ok(pair.server.set_option(IPPROTO_TCP, TCP_CONGESTION, "reno")));
    ASSERT_TRUE(ok(pair.server.option(IPPROTO_TCP, TCP_CONGESTION, name)));
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(name.data())), "reno");
    EXPECT_TRUE(fails_with(pair.server.set_option(IPPROTO_TCP, TCP_CONGESTION, std::string_view("none such")),
                           std::errc::no_such_file_or_directory));

    ::tcp_info info{};
    const auto bytes = std::as_writable_bytes(std::span(&info, 1));
    EXPECT_GT(must(pair.server.option(IPPROTO_TCP, TCP_INFO, bytes)), 0u);
    EXPECT_EQ(info.tcpi_state, TCP_ESTABLISHED);
    EXPECT_EQ(must(pair.server.option<::timeval>(SOL_SOCKET, SO_RCVTIMEO)).tv_sec, 0);
    EXPECT_TRUE(fails_with(pair.server.option(SOL_SOCKET, 0x5555), std::errc::no_protocol_option));
    EXPECT_TRUE(fails_with(pair.server.set_option(SOL_SOCKET, 0x5555, 1), std::errc::no_protocol_option));
    EXPECT_TRUE(fails_with(pair.server.set_option(SOL_SOCKET, SO_RCVBUF, std::uint8_t{1}), invalid));
}

} // namespace
