#define __APPLE_USE_RFC_3542 // or macOS hides IPV6_RECVHOPLIMIT; see ip6(4)
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

#include "../udp.hpp"

using namespace test;

namespace {

class UdpOptionsOnUnix : public OnEachFamily {};
INSTANTIATE_TEST_SUITE_P(, UdpOptionsOnUnix, both_families, family_name);

/// Not on NetBSD and OpenBSD.
#ifdef IP_RECVTOS
constexpr int receive_tos = IP_RECVTOS;
#else
constexpr int receive_tos = 0;
#endif

/// Receives a datagram and returns the integer of its control message.
int control_number(const UdpSocket& receiver) {
    await(receiver, POLLIN);
    alignas(::cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> control;
    ::msghdr message{};
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    EXPECT_NE(::recvmsg(receiver.raw(), &message, 0), -1) << std::strerror(errno);
    const auto* header = CMSG_FIRSTHDR(&message);
    if (header == nullptr) return -1;
    int number = 0;
    std::memcpy(&number, CMSG_DATA(header), sizeof number);
    return number;
}

} // namespace

TEST_P(UdpOptionsOnUnix, OnlyV6IsOnForASocketBoundToOneAddress) {
    if (GetParam().ip().is_v6()) {
        EXPECT_EQ(bound().only_v6(), true) << "on Linux a socket bound to one IPv6 address is IPv6-only";
    }
}

TEST_P(UdpOptionsOnUnix, ReusePortIsOffUntilItIsSetAndSeparateFromReuseAddress) {
    const auto socket = unbound();
    EXPECT_EQ(socket.reuse_port(), false);
    ASSERT_TRUE(ok(socket.set_reuse_address(true)));
    EXPECT_EQ(socket.reuse_port(), false);
    ASSERT_TRUE(ok(socket.set_reuse_port(true)));
    EXPECT_EQ(socket.reuse_port(), true);
    EXPECT_EQ(must(plain::option(socket.raw(), SOL_SOCKET, SO_REUSEPORT)), 1);
    ASSERT_TRUE(ok(socket.set_reuse_address(false)));
    EXPECT_EQ(socket.reuse_port(), true);
    ASSERT_TRUE(ok(socket.set_reuse_port(false)));
    EXPECT_EQ(socket.reuse_port(), false);
}

TEST_P(UdpOptionsOnUnix, ReusePortDistributesDatagrams) {
    constexpr std::size_t senders = 64;
    const auto s1 = unbound();
    const auto s2 = unbound();
    for (const auto* socket : {&s1, &s2}) ASSERT_TRUE(ok(socket->set_reuse_port(true)));
    ASSERT_TRUE(ok(s1.bind_to(GetParam())));
    ASSERT_TRUE(ok(s2.bind_to(address_of(s1))));
    const InOrder order;
    for (std::size_t i = 0; i < senders; ++i) send_text(bound(), data1, address_of(s1));
    order.settle();
    ReceiveBuffers buffers(senders);
    const auto first = must(s1.receive_many(buffers.all()));
    const auto second = must(s2.receive_many(buffers.all()));
    EXPECT_EQ(first + second, senders);
    // All datagrams on one side: probability 2^-63.
    EXPECT_GT(first, 0u);
    EXPECT_GT(second, 0u);
}

TEST(UdpTtl, AppliesToSentDatagrams) {
    const auto sender = must(UdpSocket::bind(local_v4()));
    const auto receiver = must(UdpSocket::bind(local_v4()));
    set_raw_option(receiver, IPPROTO_IP, IP_RECVTTL, 1);
    ASSERT_TRUE(ok(sender.set_ttl(42)));
    send_text(sender, data1, address_of(receiver));
    EXPECT_EQ(control_number(receiver), 42);
}

TEST(UdpTtl, AppliesToSentIpv6Datagrams) {
    const auto sender = must(UdpSocket::bind(local_v6()));
    const auto receiver = must(UdpSocket::bind(local_v6()));
    set_raw_option(receiver, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
    ASSERT_TRUE(ok(sender.set_ttl(42)));
    send_text(sender, data1, address_of(receiver));
    EXPECT_EQ(control_number(receiver), 42);
}

TEST(UdpTtl, AppliesToIpv4DatagramsOfAnIpv6Socket) {
    const auto sender = must(UdpSocket::v6());
    ASSERT_TRUE(ok(sender.set_only_v6(false)));
    const auto receiver = must(UdpSocket::bind(local_v4()));
    set_raw_option(receiver, IPPROTO_IP, IP_RECVTTL, 1);
    ASSERT_TRUE(ok(sender.set_ttl(42)));
    send_text(sender, data1, {must(IpAddress::parse("::ffff:127.0.0.1")), address_of(receiver).port()});
    EXPECT_EQ(control_number(receiver), 42);
}

TEST_P(UdpOptionsOnUnix, TosIsZeroUntilItIsSet) {
    const auto socket = bound();
    const bool v6 = GetParam().ip().is_v6();
    EXPECT_EQ(socket.tos(), 0u);
    for (const std::uint32_t tos : {0xb9u, 1u, 255u}) {
        ASSERT_TRUE(ok(socket.set_tos(tos)));
        EXPECT_EQ(socket.tos(), tos);
        EXPECT_EQ(must(v6 ? plain::option(socket.raw(), IPPROTO_IPV6, IPV6_TCLASS)
                          : plain::option(socket.raw(), IPPROTO_IP, IP_TOS)),
                  static_cast<int>(tos));
    }
    EXPECT_TRUE(fails_with(socket.set_tos(256), std::errc::invalid_argument));
    EXPECT_EQ(socket.tos(), 255u);
}

TEST_P(UdpOptionsOnUnix, DscpLeavesTheEcnBits) {
    const auto socket = bound();
    ASSERT_TRUE(ok(socket.set_tos(0x02))); // ECT(0)
    ASSERT_TRUE(ok(socket.set_dscp(46)));
    EXPECT_EQ(socket.dscp(), 46u);
    EXPECT_EQ(socket.tos(), 46u << 2 | 2);
    EXPECT_TRUE(fails_with(socket.set_dscp(64), std::errc::invalid_argument));
    ASSERT_TRUE(ok(socket.set_dscp(0)));
    EXPECT_EQ(socket.tos(), 2u);
}

TEST_P(UdpOptionsOnUnix, TosAppliesToSentDatagrams) {
    const auto sender = bound();
    const auto receiver = bound();
    const bool v6 = GetParam().ip().is_v6();
    if (!v6 && receive_tos == 0) GTEST_SKIP() << "this system does not report it";
    set_raw_option(receiver, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVTCLASS : receive_tos, 1);
    ASSERT_TRUE(ok(sender.set_tos(0xb9)));
    send_text(sender, data1, address_of(receiver));
    EXPECT_EQ(control_number(receiver) & 0xff, 0xb9); // a byte for IPv4, an int for IPv6
}

TEST(UdpTos, AppliesToIpv4DatagramsOfAnIpv6Socket) {
    if (receive_tos == 0) GTEST_SKIP() << "this system does not report it";
    const auto sender = must(UdpSocket::v6());
    ASSERT_TRUE(ok(sender.set_only_v6(false)));
    const auto receiver = must(UdpSocket::bind(local_v4()));
    set_raw_option(receiver, IPPROTO_IP, receive_tos, 1);
    ASSERT_TRUE(ok(sender.set_dscp(10)));
    send_text(sender, data1, {must(IpAddress::parse("::ffff:127.0.0.1")), address_of(receiver).port()});
    EXPECT_EQ(control_number(receiver) & 0xff, 40);
}

TEST(UdpMulticastInterface, AppliesToSentDatagrams) {
    // No other test joins this group.
    const auto group = IpAddress::v4(239, 1, 2, 7);
    const auto receiver = must(UdpSocket::bind({IpAddress::any_v4(), 0}));
    ASSERT_TRUE(ok(receiver.join_multicast_v4(group, IpAddress::loopback_v4())));
    const auto sender = must(UdpSocket::v4());
    ASSERT_TRUE(ok(sender.set_multicast_interface_v4(IpAddress::loopback_v4())));
    send_text(sender, data1, {group, address_of(receiver).port()});
    await(receiver, POLLIN);
    std::array<std::byte, 20> buffer;
    const auto [size, from] = must(receiver.receive_from(buffer));
    EXPECT_EQ(size, data1.size());
    EXPECT_EQ(from.ip(), IpAddress::loopback_v4());
}

TEST(UdpMulticastInterface, AppliesToSentIpv6Datagrams) {
    const auto group = must(IpAddress::parse("ff02::4d10"));
    const auto loopback = ::if_nametoindex("lo");
    if (loopback == 0) GTEST_SKIP() << "the loopback interface has another name";
    const auto receiver = must(UdpSocket::bind({IpAddress::any_v6(), 0}));
    if (const auto joined = receiver.join_multicast_v6(group, loopback); !joined)
        GTEST_SKIP() << joined.error().message();
    const auto sender = must(UdpSocket::v6());
    ASSERT_TRUE(ok(sender.set_multicast_interface_v6(loopback)));
    const auto sent = sender.send_to(bytes_of(data1), {group, address_of(receiver).port()});
    if (!sent) GTEST_SKIP() << "no multicast on the loopback interface: " << sent.error().message();
    EXPECT_EQ(next_text(receiver), data1);
}

TEST(UdpBroadcast, RequiresTheOption) {
    const auto sender = must(UdpSocket::bind(local_v4()));
    const auto receiver = must(UdpSocket::bind({IpAddress::any_v4(), 0}));
    const SocketAddress everyone(IpAddress::v4(127, 255, 255, 255), address_of(receiver).port());
    EXPECT_TRUE(fails_with(sender.send_to(bytes_of(data1), everyone), std::errc::permission_denied));
    EXPECT_TRUE(fails_with(sender.connect(everyone), std::errc::permission_denied));
    ASSERT_TRUE(ok(sender.set_broadcast(true)));
    send_text(sender, data1, everyone);
    await(receiver, POLLIN);
    std::array<std::byte, 20> buffer;
    EXPECT_EQ(must(receiver.receive_from(buffer)), std::pair(data1.size(), address_of(sender)));
    ASSERT_TRUE(ok(sender.set_broadcast(false)));
    EXPECT_TRUE(fails_with(sender.send_to(bytes_of(data1), everyone), std::errc::permission_denied));
}
