#include "sockets.hpp"

#include <array>
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

/// The option's value in the kernel, without the library's getter.
int raw_option(const UdpSocket& socket, int level, int name) {
    return must(plain::option(socket.raw(), level, name));
}

} // namespace

TEST_P(UdpOptions, BufferSizesAreAtLeastTheRequestedSizes) {
    for (const auto& socket : {unbound(), bound()}) {
        for (const std::size_t size : {100'000u, 65'536u, 20'000u}) {
            ASSERT_TRUE(ok(socket.set_receive_buffer(size)));
            ASSERT_TRUE(ok(socket.set_send_buffer(2 * size)));
            EXPECT_GE(must(socket.receive_buffer()), size);
            EXPECT_GE(must(socket.send_buffer()), 2 * size);
            EXPECT_EQ(must(socket.receive_buffer()),
                      static_cast<std::size_t>(raw_option(socket, SOL_SOCKET, SO_RCVBUF)));
            EXPECT_EQ(must(socket.send_buffer()),
                      static_cast<std::size_t>(raw_option(socket, SOL_SOCKET, SO_SNDBUF)));
        }
        EXPECT_TRUE(ok(socket.set_receive_buffer(0)));
        EXPECT_TRUE(ok(socket.set_receive_buffer(SIZE_MAX)));
    }
}

TEST_P(UdpOptions, LargerReceiveBufferHoldsMore) {
    const auto held = [](std::size_t size) {
        const auto receiver = bound();
        EXPECT_TRUE(ok(receiver.set_receive_buffer(size)));
        const auto sender = bound();
        const InOrder order;
        const std::string datagram(1000, 'x');
        for (int i = 0; i < 150; ++i) send_text(sender, datagram, address_of(receiver));
        order.settle();
        ReceiveBuffers buffers(200, 1000);
        return must(receiver.receive_many(buffers.all()));
    };
    if (is_wine()) GTEST_SKIP() << "Wine's buffer is the one of the system below";
    EXPECT_LT(held(8192), held(200'000));
}

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

TEST_P(UdpOptions, AcceptsTtlFrom1To255) {
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

TEST_P(UdpOptions, MulticastTtlDefaultsTo1AndAcceptsUpTo255) {
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
        const auto set = socket.set_multicast_loop_v6(false);
        EXPECT_TRUE(fails_with(set, is_wine() ? std::errc::invalid_argument : std::errc::no_protocol_option));
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

TEST_P(UdpOptions, MulticastInterfaceV4IsChosenByTheSystemUntilItIsSet) {
    const auto socket = must(UdpSocket::v4());
    EXPECT_EQ(socket.multicast_interface_v4(), IpAddress::any_v4());
    ASSERT_TRUE(ok(socket.set_multicast_interface_v4(IpAddress::loopback_v4())));
    EXPECT_EQ(socket.multicast_interface_v4(), IpAddress::loopback_v4());
    const auto no_address = socket.set_multicast_interface_v4(IpAddress::v4(192, 0, 2, 1));
    EXPECT_FALSE(no_address) << "no interface has a documentation address";
    EXPECT_TRUE(
        fails_with(socket.set_multicast_interface_v4(IpAddress::loopback_v6()), mio::Errc::invalid_address));
    EXPECT_EQ(socket.multicast_interface_v4(), IpAddress::loopback_v4());
    ASSERT_TRUE(ok(socket.set_multicast_interface_v4(IpAddress::any_v4())));
    EXPECT_EQ(socket.multicast_interface_v4(), IpAddress::any_v4());
}

TEST_P(UdpOptions, MulticastInterfaceV6IsChosenByTheSystemUntilItIsSet) {
    const auto socket = unbound();
    if (GetParam().ip().is_v4()) {
        EXPECT_FALSE(socket.set_multicast_interface_v6(1));
        return;
    }
    EXPECT_EQ(socket.multicast_interface_v6(), 0u);
    ASSERT_TRUE(ok(socket.set_multicast_interface_v6(1)));
    EXPECT_EQ(socket.multicast_interface_v6(), 1u);
    EXPECT_EQ(raw_option(socket, IPPROTO_IPV6, IPV6_MULTICAST_IF), 1);
    EXPECT_FALSE(socket.set_multicast_interface_v6(0x7fff'ffff)) << "there is no such interface";
    EXPECT_TRUE(fails_with(socket.set_multicast_interface_v6(0x8000'0000), std::errc::invalid_argument));
    EXPECT_EQ(socket.multicast_interface_v6(), 1u);
    ASSERT_TRUE(ok(socket.set_multicast_interface_v6(0)));
    EXPECT_EQ(socket.multicast_interface_v6(), 0u);
}

TEST_P(UdpOptions, OnlyV6IsSetBeforeBinding) {
    if (is_wine() && GetParam().ip().is_v4()) GTEST_SKIP() << "Wine accepts the option on IPv4";
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
}

TEST_P(UdpOptions, ReuseIsOffUntilItIsSet) {
    const auto socket = unbound();
    EXPECT_EQ(socket.reuse_address(), false);
    ASSERT_TRUE(ok(socket.set_reuse_address(true)));
    EXPECT_EQ(socket.reuse_address(), true);
    EXPECT_EQ(raw_option(socket, SOL_SOCKET, SO_REUSEADDR), 1);
    ASSERT_TRUE(ok(socket.set_reuse_address(false)));
    EXPECT_EQ(socket.reuse_address(), false);
}

TEST_P(UdpOptions, ReuseAddressSharesAPort) {
    const auto s1 = unbound();
    const auto s2 = unbound();
    ASSERT_TRUE(ok(s1.set_reuse_address(true)));
    ASSERT_TRUE(ok(s2.set_reuse_address(true)));
    ASSERT_TRUE(ok(s1.bind_to(GetParam())));
    ASSERT_TRUE(ok(s2.bind_to(address_of(s1))));
    EXPECT_EQ(address_of(s1), address_of(s2));
    EXPECT_TRUE(fails_with(UdpSocket::bind(address_of(s1)), std::errc::address_in_use))
        << "reuse_address is not set";
}
