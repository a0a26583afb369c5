#include "sockets.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>

#include "udp.hpp"

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

TEST(UdpMulticastV4, MembersReceiveUntilTheyLeave) {
    // On Linux a socket bound to any address receives every group joined on this machine (IP_MULTICAST_ALL in
    // ip(7)), so no other test may join these groups.
    const auto own_group = IpAddress::v4(239, 1, 2, 5);
    const auto foreign_group = IpAddress::v4(239, 1, 2, 6);
    // Bound to 127.0.0.1, it also sends multicast there.
    const auto sender = must(UdpSocket::bind(local_v4()));
    const auto socket = listener();
    const InOrder order;
    std::array<std::byte, 20> buffer;

    send_text(sender, "too early", at(own_group, socket));
    order.settle();
    EXPECT_TRUE(blocks(socket.receive(buffer)));

    ASSERT_TRUE(ok(socket.join_multicast_v4(own_group, loopback)));
    send_text(sender, data1, at(own_group, socket));
    send_text(sender, "another group", at(foreign_group, socket));
    await(socket, POLLIN);
    EXPECT_EQ(must(socket.receive_from(buffer)), std::pair(data1.size(), address_of(sender)));
    order.settle();
    EXPECT_TRUE(blocks(socket.receive(buffer)));

    ASSERT_TRUE(ok(socket.leave_multicast_v4(own_group, loopback)));
    send_text(sender, "too late", at(own_group, socket));
    order.settle();
    EXPECT_TRUE(blocks(socket.receive(buffer)));
    EXPECT_EQ(must(socket.take_error()), std::error_code());
}

TEST(UdpMulticastV4, EverySocketSharingTheAddressReceives) {
    const auto sender = must(UdpSocket::bind(local_v4()));
    const auto s1 = must(UdpSocket::v4());
    const auto s2 = must(UdpSocket::v4());
    for (const auto* socket : {&s1, &s2}) {
        ASSERT_TRUE(ok(socket->set_reuse_address(true)));
        ASSERT_TRUE(ok(socket->bind_to(
            {IpAddress::any_v4(), socket == &s1 ? std::uint16_t{0} : address_of(s1).port()})));
        ASSERT_TRUE(ok(socket->join_multicast_v4(group, loopback)));
    }
    send_text(sender, data1, at(group, s1));
    EXPECT_EQ(next_text(s1), data1);
    EXPECT_EQ(next_text(s2), data1);
}

TEST(UdpMulticastV4, MemberOfSeveralGroupsStillReceivesUnicast) {
    auto sender = must(UdpSocket::bind(local_v4()));
    auto receiver = must(UdpSocket::bind(local_v4()));
    ASSERT_TRUE(ok(receiver.join_multicast_v4(group, loopback)));
    ASSERT_TRUE(ok(receiver.join_multicast_v4(other_group, loopback)));
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(sender, id1, Interest::writable)));
    ASSERT_TRUE(ok(loop.registry().add(receiver, id2, Interest::readable)));
    loop.expect({{id1, Interest::writable}});
    send_text(sender, "hello world", address_of(receiver));
    loop.expect({{id2, Interest::readable}});
    std::array<std::byte, 20> buffer;
    EXPECT_EQ(must(receiver.receive_from(buffer)).second.ip(), loopback);
}

TEST(UdpMulticast, AddressesOfTheOtherFamilyFail) {
    const auto socket = listener();
    const auto invalid = mio::Errc::invalid_address;
    for (const auto& ip : {v6("ff02::1234"), IpAddress::loopback_v6()}) {
        EXPECT_TRUE(fails_with(socket.join_multicast_v4(ip, loopback), invalid));
        EXPECT_TRUE(fails_with(socket.leave_multicast_v4(ip, loopback), invalid));
        EXPECT_TRUE(fails_with(socket.join_multicast_v4(group, ip), invalid));
        EXPECT_TRUE(fails_with(socket.leave_multicast_v4(group, ip), invalid));
    }
    EXPECT_TRUE(fails_with(socket.join_multicast_v6(group, 1), invalid));
    EXPECT_TRUE(fails_with(socket.leave_multicast_v6(group, 1), invalid));
}
