#include "network.hpp"

#include <poll.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>

#include "../udp.hpp"

using namespace test;

namespace {

const auto group = IpAddress::v4(239, 1, 2, 3);
const auto other_group = IpAddress::v4(239, 1, 2, 4);
const auto loopback = IpAddress::loopback_v4();

/// A socket bound to any address, which receives from every interface.
UdpSocket listener() { return must(UdpSocket::bind({IpAddress::any_v4(), 0})); }
SocketAddress at(const IpAddress& ip, const UdpSocket& listener) { return {ip, address_of(listener).port()}; }

IpAddress v6(const char* text) { return must(IpAddress::parse(text)); }

} // namespace

TEST(UdpMulticastV4, InvalidGroupOrInterfaceFails) {
    const auto socket = listener();
    EXPECT_TRUE(fails_with(socket.join_multicast_v4(IpAddress::v4(10, 0, 0, 1), loopback),
                           std::errc::invalid_argument));
    EXPECT_TRUE(fails_with(socket.join_multicast_v4(group, IpAddress::v4(203, 0, 113, 1)),
                           std::errc::no_such_device));
    EXPECT_TRUE(fails_with(socket.leave_multicast_v4(group, loopback), std::errc::address_not_available));
    ASSERT_TRUE(ok(socket.join_multicast_v4(group, loopback)));
    EXPECT_TRUE(fails_with(socket.join_multicast_v4(group, loopback), std::errc::address_in_use));
    EXPECT_TRUE(
        fails_with(socket.leave_multicast_v4(other_group, loopback), std::errc::address_not_available));
}

TEST(UdpMulticastV6, GroupCanBeJoinedAndLeftOnLoopback) {
    const auto socket = UdpSocket::bind(local_v6());
    if (!socket) GTEST_SKIP() << "no IPv6: " << socket.error().message();
    const auto lo = ::if_nametoindex("lo");
    ASSERT_TRUE(ok(socket->join_multicast_v6(v6("ff01::1234"), lo)));
    EXPECT_TRUE(fails_with(socket->join_multicast_v6(v6("ff01::1234"), lo), std::errc::address_in_use));
    EXPECT_TRUE(
        fails_with(socket->leave_multicast_v6(v6("ff01::1235"), lo), std::errc::address_not_available));
    ASSERT_TRUE(ok(socket->leave_multicast_v6(v6("ff01::1234"), lo)));
    EXPECT_TRUE(fails_with(socket->join_multicast_v6(v6("fe80::1"), lo), std::errc::invalid_argument));
    EXPECT_TRUE(
        fails_with(socket->join_multicast_v6(v6("ff01::1234"), 0x7fff'ffff), std::errc::no_such_device));
}

// Linux has no IPv6 multicast route over loopback; on an Ethernet multicast loops back.
TEST(UdpMulticastV6, MembersReceiveUntilTheyLeave) {
    in_own_network([](const Network& network) {
        const auto bound = UdpSocket::bind({IpAddress::any_v6(), 0});
        if (!bound) return; // no IPv6
        const auto& socket = *bound;
        const auto ether = network.ether_index();
        const auto sender = must(UdpSocket::v6());
        const auto to_group = [&](const char* ip) {
            return SocketAddress(v6(ip), address_of(socket).port(), 0, ether);
        };
        const InOrder order;
        std::array<std::byte, 20> buffer;

        ASSERT_TRUE(ok(socket.join_multicast_v6(v6("ff02::1234"), ether)));
        send_text(sender, data1, to_group("ff02::1234"));
        send_text(sender, "another group", to_group("ff02::1235"));
        await(socket, POLLIN);
        const auto [size, from] = must(socket.receive_from(buffer));
        EXPECT_EQ(text_of(std::span(buffer).first(size)), data1);
        order.settle();
        EXPECT_TRUE(blocks(socket.receive(buffer)));

        // The sender's link-local address carries its interface, so a reply can be sent to it.
        EXPECT_EQ(from.scope_id(), ether) << from.to_string();
        EXPECT_EQ(from.port(), address_of(sender).port());
        send_text(socket, data2, from);
        EXPECT_EQ(next_text(sender), data2);

        // Without a scope, the address cannot be bound or connected to.
        EXPECT_TRUE(fails_with(UdpSocket::bind({from.ip(), 0}), std::errc::invalid_argument));
        const auto local = must(UdpSocket::bind({from.ip(), 0, 0, ether}));
        EXPECT_EQ(address_of(local).scope_id(), ether);
        const auto client = must(UdpSocket::v6());
        ASSERT_TRUE(ok(client.connect(address_of(local))));
        EXPECT_EQ(client.peer_address(), address_of(local));
        EXPECT_EQ(client.send(bytes_of(data1)), data1.size());
        EXPECT_EQ(next_text(local), data1);

        // With multicast loop off, the sender's own host receives nothing.
        ASSERT_TRUE(ok(sender.set_multicast_loop_v6(false)));
        send_text(sender, "unheard", to_group("ff02::1234"));
        order.settle();
        EXPECT_TRUE(blocks(socket.receive(buffer)));
        ASSERT_TRUE(ok(sender.set_multicast_loop_v6(true)));

        ASSERT_TRUE(ok(socket.leave_multicast_v6(v6("ff02::1234"), ether)));
        send_text(sender, "too late", to_group("ff02::1234"));
        order.settle();
        EXPECT_TRUE(blocks(socket.receive(buffer)));
    });
}

TEST(UdpMulticastV6, AddressWithoutAScopeUsesTheInterfaceOfTheOption) {
    in_own_network([](const Network& network) {
        const auto bound = UdpSocket::bind({IpAddress::any_v6(), 0});
        if (!bound) return; // no IPv6
        const auto ether = network.ether_index();
        ASSERT_TRUE(ok(bound->join_multicast_v6(v6("ff02::1234"), ether)));
        const auto sender = must(UdpSocket::v6());
        const SocketAddress group_address(v6("ff02::1234"), address_of(*bound).port());
        const InOrder order;
        ASSERT_TRUE(ok(sender.set_multicast_interface_v6(::if_nametoindex("lo"))));
        static_cast<void>(sender.send_to(bytes_of("elsewhere"), group_address)); // lo may have no route
        order.settle();
        std::array<std::byte, 20> buffer;
        EXPECT_TRUE(blocks(bound->receive(buffer)));
        ASSERT_TRUE(ok(sender.set_multicast_interface_v6(ether)));
        send_text(sender, data1, group_address);
        EXPECT_EQ(next_text(*bound), data1);
    });
}

TEST(UdpMulticastV4, OptionsControlTtlAndLoopback) {
    in_own_network([](const Network&) {
        const auto ether = IpAddress::v4(10, 9, 0, 1);
        const auto socket = listener();
        const auto sender = must(UdpSocket::bind({ether, 0}));
        const InOrder order;
        std::array<std::byte, 20> buffer;
        ASSERT_TRUE(ok(socket.join_multicast_v4(group, ether)));
        send_text(sender, data1, at(group, socket));
        EXPECT_EQ(next_text(socket), data1);
        ASSERT_TRUE(ok(sender.set_multicast_loop_v4(false)));
        send_text(sender, "unheard", at(group, socket));
        order.settle();
        EXPECT_TRUE(blocks(socket.receive(buffer)));
        // With an unspecified interface the OS uses the route's; only 10.9.0.0/24 has a route here, so joining
        // fails.
        EXPECT_TRUE(fails_with(socket.join_multicast_v4(other_group, IpAddress::any_v4()),
                               std::errc::no_such_device));
    });
}
