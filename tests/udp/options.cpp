#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>

#include "udp.hpp"

using namespace test;

namespace {

class UdpOptions : public OnEachFamily {};
INSTANTIATE_TEST_SUITE_P(, UdpOptions, both_families, family_name);

void expect_no_error(const UdpSocket& socket) { EXPECT_EQ(must(socket.take_error()), std::error_code()); }

/// What the kernel says, past the library's getter.
int raw_option(const UdpSocket& socket, int level, int name) {
    int value = 0;
    ::socklen_t length = sizeof value;
    EXPECT_EQ(::getsockopt(socket.raw(), level, name, &value, &length), 0) << std::strerror(errno);
    return value;
}

} // namespace

TEST_P(UdpOptions, BroadcastIsOffUntilItIsSet) {
    const auto socket = bound();
    EXPECT_EQ(socket.broadcast(), false);
    ASSERT_TRUE(ok(socket.set_broadcast(true)));
    EXPECT_EQ(socket.broadcast(), true);
    EXPECT_EQ(raw_option(socket, SOL_SOCKET, SO_BROADCAST), 1);
    ASSERT_TRUE(ok(socket.set_broadcast(false)));
    EXPECT_EQ(socket.broadcast(), false);
    expect_no_error(socket);
}

TEST_P(UdpOptions, TtlIsFrom1To255) {
    const auto socket = bound();
    EXPECT_GT(must(socket.ttl()), 0u);
    for (const std::uint32_t hops : {10u, 1u, 255u}) {
        ASSERT_TRUE(ok(socket.set_ttl(hops)));
        EXPECT_EQ(socket.ttl(), hops);
        EXPECT_EQ(raw_option(socket, IPPROTO_IP, IP_TTL), static_cast<int>(hops));
        if (GetParam().ip().is_v6()) {
            EXPECT_EQ(raw_option(socket, IPPROTO_IPV6, IPV6_UNICAST_HOPS), static_cast<int>(hops));
        }
    }
    for (const std::uint32_t hops : {0u, 256u, 0x8000'0000u, 0xffff'ffffu})
        EXPECT_TRUE(fails_with(socket.set_ttl(hops), std::errc::invalid_argument)) << hops;
    EXPECT_EQ(socket.ttl(), 255u);
    expect_no_error(socket);
}

TEST_P(UdpOptions, MulticastTtlIs1AndUpTo255) {
    const auto socket = bound();
    EXPECT_EQ(socket.multicast_ttl_v4(), 1u);
    for (const std::uint32_t hops : {10u, 0u, 255u}) {
        ASSERT_TRUE(ok(socket.set_multicast_ttl_v4(hops)));
        EXPECT_EQ(socket.multicast_ttl_v4(), hops);
        EXPECT_EQ(raw_option(socket, IPPROTO_IP, IP_MULTICAST_TTL), static_cast<int>(hops));
    }
    for (const std::uint32_t hops : {256u, 257u, 0xffff'ffffu})
        EXPECT_TRUE(fails_with(socket.set_multicast_ttl_v4(hops), std::errc::invalid_argument)) << hops;
    EXPECT_EQ(socket.multicast_ttl_v4(), 255u);
    expect_no_error(socket);
}

TEST_P(UdpOptions, MulticastLoopIsOnUntilItIsCleared) {
    const auto socket = bound();
    EXPECT_EQ(socket.multicast_loop_v4(), true);
    ASSERT_TRUE(ok(socket.set_multicast_loop_v4(false)));
    EXPECT_EQ(socket.multicast_loop_v4(), false);
    EXPECT_EQ(raw_option(socket, IPPROTO_IP, IP_MULTICAST_LOOP), 0);
    ASSERT_TRUE(ok(socket.set_multicast_loop_v4(true)));
    EXPECT_EQ(socket.multicast_loop_v4(), true);
    expect_no_error(socket);
}

TEST_P(UdpOptions, MulticastLoopV6IsOnUntilItIsCleared) {
    const auto socket = bound();
    if (GetParam().ip().is_v4()) {
        EXPECT_TRUE(fails_with(socket.set_multicast_loop_v6(false), std::errc::no_protocol_option));
        EXPECT_TRUE(fails_with(socket.multicast_loop_v6(), std::errc::operation_not_supported));
        return;
    }
    EXPECT_EQ(socket.multicast_loop_v6(), true);
    ASSERT_TRUE(ok(socket.set_multicast_loop_v6(false)));
    EXPECT_EQ(socket.multicast_loop_v6(), false);
    EXPECT_EQ(raw_option(socket, IPPROTO_IPV6, IPV6_MULTICAST_LOOP), 0);
    ASSERT_TRUE(ok(socket.set_multicast_loop_v6(true)));
    EXPECT_EQ(socket.multicast_loop_v6(), true);
    expect_no_error(socket);
}

TEST_P(UdpOptions, OnlyV6IsSetBeforeBinding) {
    const auto socket = unbound();
    if (GetParam().ip().is_v4()) {
        EXPECT_TRUE(fails_with(socket.set_only_v6(true), std::errc::no_protocol_option));
        EXPECT_TRUE(fails_with(socket.only_v6(), std::errc::operation_not_supported));
        return;
    }
    for (const bool on : {true, false}) {
        ASSERT_TRUE(ok(socket.set_only_v6(on)));
        EXPECT_EQ(socket.only_v6(), on);
        EXPECT_EQ(raw_option(socket, IPPROTO_IPV6, IPV6_V6ONLY), on ? 1 : 0);
    }
    ASSERT_TRUE(ok(socket.bind_to({IpAddress::any_v6(), 0})));
    EXPECT_TRUE(fails_with(socket.set_only_v6(true), std::errc::invalid_argument));
    EXPECT_EQ(bound().only_v6(), true) << "Linux: bound to a IPv6 address, it hears that one only";
}

TEST_P(UdpOptions, ReuseIsOffUntilItIsSet) {
    const auto socket = unbound();
    EXPECT_EQ(socket.reuse_address(), false);
    EXPECT_EQ(socket.reuse_port(), false);
    ASSERT_TRUE(ok(socket.set_reuse_address(true)));
    EXPECT_EQ(socket.reuse_address(), true);
    EXPECT_EQ(socket.reuse_port(), false);
    EXPECT_EQ(raw_option(socket, SOL_SOCKET, SO_REUSEADDR), 1);
    ASSERT_TRUE(ok(socket.set_reuse_port(true)));
    EXPECT_EQ(socket.reuse_port(), true);
    EXPECT_EQ(raw_option(socket, SOL_SOCKET, SO_REUSEPORT), 1);
    ASSERT_TRUE(ok(socket.set_reuse_address(false)));
    ASSERT_TRUE(ok(socket.set_reuse_port(false)));
    EXPECT_EQ(socket.reuse_address(), false);
    EXPECT_EQ(socket.reuse_port(), false);
}

TEST_P(UdpOptions, SocketsThatReuseTheAddressShareAPort) {
    const auto s1 = unbound();
    const auto s2 = unbound();
    ASSERT_TRUE(ok(s1.set_reuse_address(true)));
    ASSERT_TRUE(ok(s2.set_reuse_address(true)));
    ASSERT_TRUE(ok(s1.bind_to(GetParam())));
    ASSERT_TRUE(ok(s2.bind_to(address_of(s1))));
    EXPECT_EQ(address_of(s1), address_of(s2));
    EXPECT_TRUE(fails_with(UdpSocket::bind(address_of(s1)), std::errc::address_in_use))
        << "it did not ask to";
}

TEST_P(UdpOptions, SocketsThatReuseThePortShareTheDatagrams) {
    constexpr std::size_t senders = 64;
    const auto s1 = unbound();
    const auto s2 = unbound();
    for (const auto* socket : {&s1, &s2}) ASSERT_TRUE(ok(socket->set_reuse_port(true)));
    ASSERT_TRUE(ok(s1.bind_to(GetParam())));
    ASSERT_TRUE(ok(s2.bind_to(address_of(s1))));
    const InOrder order;
    for (std::size_t i = 0; i < senders; ++i) send_text(bound(), data1, address_of(s1));
    order.settle();
    Rooms rooms(senders);
    const auto first = must(s1.receive_many(rooms.all()));
    const auto second = must(s2.receive_many(rooms.all()));
    EXPECT_EQ(first + second, senders);
    // All on one side happens once in 2^63 times.
    EXPECT_GT(first, 0u);
    EXPECT_GT(second, 0u);
}

TEST(UdpBroadcast, NeedsTheOption) {
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

/// Receives a datagram and gives the one number that the kernel tells with it.
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

TEST(UdpTtl, IsWhatADatagramLeavesWith) {
    const auto sender = must(UdpSocket::bind(local_v4()));
    const auto receiver = must(UdpSocket::bind(local_v4()));
    set_raw_option(receiver, IPPROTO_IP, IP_RECVTTL, 1);
    ASSERT_TRUE(ok(sender.set_ttl(42)));
    send_text(sender, data1, address_of(receiver));
    EXPECT_EQ(control_number(receiver), 42);
}

TEST(UdpTtl, IsWhatAnIpv6DatagramLeavesWith) {
    const auto sender = must(UdpSocket::bind(local_v6()));
    const auto receiver = must(UdpSocket::bind(local_v6()));
    set_raw_option(receiver, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
    ASSERT_TRUE(ok(sender.set_ttl(42)));
    send_text(sender, data1, address_of(receiver));
    EXPECT_EQ(control_number(receiver), 42);
}

TEST(UdpTtl, IsWhatAnIpv6SocketSendsToAnIpv4PeerWith) {
    const auto sender = must(UdpSocket::v6());
    ASSERT_TRUE(ok(sender.set_only_v6(false)));
    const auto receiver = must(UdpSocket::bind(local_v4()));
    set_raw_option(receiver, IPPROTO_IP, IP_RECVTTL, 1);
    ASSERT_TRUE(ok(sender.set_ttl(42)));
    send_text(sender, data1, {must(IpAddress::parse("::ffff:127.0.0.1")), address_of(receiver).port()});
    EXPECT_EQ(control_number(receiver), 42);
}
