#include "sockets.hpp"

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "udp.hpp"

using namespace test;

namespace {

class UnconnectedUdp : public OnEachFamily {};
INSTANTIATE_TEST_SUITE_P(, UnconnectedUdp, both_families, family_name);

void expect_no_error(const UdpSocket& socket) { EXPECT_EQ(must(socket.take_error()), std::error_code()); }

/// Exchange between any two unconnected sockets.
void exchange_datagrams(UdpSocket s1, UdpSocket s2) {
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(s1, id1, read_write)));
    ASSERT_TRUE(ok(loop.registry().add(s2, id2, read_write)));
    loop.expect({{id1, Interest::writable}, {id2, Interest::writable}});

    std::array<std::byte, 20> buffer;
    EXPECT_TRUE(blocks(s1.peek_from(buffer)));
    EXPECT_TRUE(blocks(s1.receive_from(buffer)));
    EXPECT_TRUE(blocks(s2.peek_from(buffer)));
    EXPECT_TRUE(blocks(s2.receive_from(buffer)));

    send_text(s1, data1, address_of(s2));
    send_text(s2, data2, address_of(s1));
    loop.expect({{id1, Interest::readable}, {id2, Interest::readable}});

    const auto expect_from = [&](auto&& received, std::string_view text, const UdpSocket& sender) {
        const auto [size, address] = must(received);
        EXPECT_EQ(text_of(std::span(buffer).first(size)), text);
        EXPECT_EQ(address, address_of(sender));
    };
    expect_from(s1.peek_from(buffer), data2, s2);
    expect_from(s2.peek_from(buffer), data1, s1);
    expect_from(s1.receive_from(buffer), data2, s2);
    expect_from(s2.receive_from(buffer), data1, s1);
    EXPECT_TRUE(blocks(s1.receive_from(buffer)));
    EXPECT_TRUE(blocks(s2.receive_from(buffer)));
    expect_no_error(s1);
    expect_no_error(s2);
}

} // namespace

TEST_P(UnconnectedUdp, SocketsExchangeDatagrams) { exchange_datagrams(bound(), bound()); }

TEST_P(UnconnectedUdp, AdoptedSocketsExchangeDatagrams) {
    const auto foreign = [] {
        const int family = GetParam().ip().is_v4() ? AF_INET : AF_INET6;
        plain::Socket made(::socket(family, SOCK_DGRAM, 0));
        made.set_non_blocking();
        auto socket = UdpSocket::from_raw(made.release());
        must(socket.bind_to(GetParam()));
        return socket;
    };
    exchange_datagrams(foreign(), foreign());
}

TEST_P(UnconnectedUdp, EmptyDatagramArrives) {
    auto s1 = bound();
    auto s2 = bound();
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(s1, id1, Interest::writable)));
    ASSERT_TRUE(ok(loop.registry().add(s2, id2, Interest::readable)));
    loop.expect({{id1, Interest::writable}});
    EXPECT_EQ(s1.send_to({}, address_of(s2)), 0u);
    loop.expect({{id2, Interest::readable}});
    std::array<std::byte, 8> buffer;
    const auto [size, sender] = must(s2.receive_from(buffer));
    EXPECT_EQ(size, 0u);
    EXPECT_EQ(sender, address_of(s1));
    EXPECT_TRUE(blocks(s2.receive_from(buffer)));
}

TEST_P(UnconnectedUdp, EachEmptyDatagramIsReceivedSeparately) {
    const auto s1 = bound();
    const auto s2 = bound();
    for (int i = 0; i < 3; ++i) send_text(s1, "", address_of(s2));
    send_text(s1, "end", address_of(s2));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(next_text(s2), "");
    EXPECT_EQ(next_text(s2), "end");
}

TEST_P(UnconnectedUdp, DatagramLongerThanTheBufferIsTruncatedAndTheNextIsWhole) {
    const auto s1 = bound();
    const auto s2 = bound();
    std::array<std::byte, 5> buffer;
    const auto text = [&](std::size_t size) { return text_of(std::span(buffer).first(size)); };
    for (int i = 0; i < 2; ++i) send_text(s1, "long enough", address_of(s2));
    send_text(s1, "next", address_of(s2));
    await(s2, POLLIN);
    EXPECT_EQ(text(must(s2.peek_from(buffer)).first), "long ");
    EXPECT_EQ(text(must(s2.peek(buffer))), "long ");
    EXPECT_EQ(text(must(s2.receive_from(buffer)).first), "long ");
    await(s2, POLLIN);
    EXPECT_EQ(text(must(s2.receive(buffer))), "long ");
    EXPECT_EQ(next_text(s2), "next");
}

TEST_P(UnconnectedUdp, ReceivingIntoAnEmptyBufferDropsOneDatagram) {
    const auto s1 = bound();
    const auto s2 = bound();
    for (const auto* text : {"1", "2", "3"}) send_text(s1, text, address_of(s2));
    await(s2, POLLIN);
    EXPECT_EQ(s2.receive({}), 0u);
    await(s2, POLLIN);
    EXPECT_EQ(must(s2.receive_from({})).second, address_of(s1));
    EXPECT_EQ(next_text(s2), "3");
}

TEST_P(UnconnectedUdp, LongestDatagramArrivesAndALongerOneFails) {
    const auto s1 = bound();
    const auto s2 = bound();
    // 65,535 bytes less the UDP header and, for IPv4, the IP header.
    const std::size_t longest = GetParam().ip().is_v4() ? 65'507 : 65'527;
    const std::string text(longest + 1, 'x');
    EXPECT_TRUE(fails_with(s1.send_to(bytes_of(text), address_of(s2)), std::errc::message_size));
    send_text(s1, std::string_view(text).substr(1), address_of(s2));
    EXPECT_EQ(next_text(s2).size(), longest);
}

TEST_P(UnconnectedUdp, SendingRequiresAnAddress) {
    const auto socket = bound();
    EXPECT_TRUE(fails_matching(socket.send(bytes_of(data1)), is_no_peer));
    EXPECT_TRUE(fails_with(socket.send_to(bytes_of(data1), GetParam()), std::errc::invalid_argument))
        << "port 0";
    EXPECT_TRUE(fails_with(socket.peer_address(), std::errc::not_connected));
    expect_no_error(socket);
}

TEST_P(UnconnectedUdp, ReceiveWorksWithoutTheSendersAddress) {
    auto s1 = bound();
    auto s2 = bound();
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(s1, id1, Interest::writable)));
    ASSERT_TRUE(ok(loop.registry().add(s2, id2, Interest::readable)));
    loop.expect({{id1, Interest::writable}});
    std::array<std::byte, 20> buffer;
    EXPECT_TRUE(blocks(s2.peek(buffer)));
    EXPECT_TRUE(blocks(s2.receive(buffer)));
    send_text(s1, data1, address_of(s2));
    loop.expect({{id2, Interest::readable}});
    EXPECT_EQ(text_of(std::span(buffer).first(must(s2.peek(buffer)))), data1);
    EXPECT_EQ(text_of(std::span(buffer).first(must(s2.receive(buffer)))), data1);
    EXPECT_TRUE(blocks(s2.receive(buffer)));
    expect_no_error(s1);
    expect_no_error(s2);
}

TEST_P(UnconnectedUdp, SendingBindsAnUnboundSocket) {
    const auto s1 = unbound();
    const auto s2 = bound();
    send_text(s1, data1, address_of(s2));
    EXPECT_NE(address_of(s1).port(), 0);
    await(s2, POLLIN);
    std::array<std::byte, 20> buffer;
    const auto sender = must(s2.receive_from(buffer)).second;
    EXPECT_EQ(sender, SocketAddress(GetParam().ip(), address_of(s1).port()));
    // The sender's address accepts replies.
    send_text(s2, data2, sender);
    EXPECT_EQ(next_text(s1), data2);
}

TEST_P(UnconnectedUdp, IsNotReadableUntilADatagramArrives) {
    auto socket = bound();
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(socket, id1, Interest::readable)));
    loop.expect_none();
}

TEST_P(UnconnectedUdp, ModifyReportsAQueuedDatagram) {
    auto socket = bound();
    const auto sender = bound();
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(socket, id1, Interest::writable)));
    send_text(sender, data1, address_of(socket));
    await(socket, POLLIN);
    loop.expect({{id1, Interest::writable}});
    for (const auto& event : loop.events) EXPECT_FALSE(event.is_readable());
    ASSERT_TRUE(ok(loop.registry().modify(socket, id2, Interest::readable)));
    loop.expect({{id2, Interest::readable}});
    EXPECT_EQ(next_text(socket), data1);
}

TEST_P(UnconnectedUdp, RemovedSocketIsNotReported) {
    auto socket = bound();
    const auto sender = bound();
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(socket, id1, Interest::readable)));
    send_text(sender, data1, address_of(socket));
    await(socket, POLLIN);
    ASSERT_TRUE(ok(loop.registry().remove(socket)));
    loop.expect_none();
    EXPECT_EQ(next_text(socket), data1);
}

TEST_P(UnconnectedUdp, EchoesDrivenByEvents) {
    auto sender = bound();
    auto receiver = bound();
    Loop loop;
    std::array<std::byte, 128> buffer;
    ASSERT_TRUE(blocks(receiver.receive_from(buffer)));
    ASSERT_TRUE(ok(loop.registry().add(sender, id1, Interest::writable)));
    ASSERT_TRUE(ok(loop.registry().add(receiver, id2, Interest::readable)));
    std::string got;
    while (got.empty()) {
        ASSERT_TRUE(ok(loop.poll.poll(loop.events, 10s)));
        ASSERT_FALSE(loop.events.empty());
        for (const auto& event : loop.events) {
            if (event.token() == id1)
                send_text(sender, "hello world", address_of(receiver));
            else
                got = text_of(std::span(buffer).first(must(receiver.receive_from(buffer)).first));
        }
    }
    EXPECT_EQ(got, "hello world");
}

TEST_P(UnconnectedUdp, TryIoReturnsTheResultOfTheFunction) {
    const auto s1 = bound();
    const auto s2 = bound();
    std::array<std::byte, 20> buffer;
    const auto receive = [&] { return plain::receive(s2.raw(), buffer.data(), buffer.size()); };
    EXPECT_TRUE(blocks(s2.try_io(receive)));
    send_text(s1, data1, address_of(s2));
    await(s2, POLLIN);
    EXPECT_EQ(s2.try_io(receive), data1.size());
}

TEST(UdpOfBothFamilies, DualStackSocketExchangesDatagramsWithIpv4) {
    const auto dual = UdpSocket::bind({IpAddress::any_v6(), 0});
    if (!dual) GTEST_SKIP() << "no IPv6: " << dual.error().message();
    if (must(dual->only_v6())) GTEST_SKIP() << "sockets are IPv6-only on this system";
    const auto v4 = must(UdpSocket::bind(local_v4()));
    const SocketAddress v4_of_dual(IpAddress::loopback_v4(), address_of(*dual).port());
    send_text(v4, data1, v4_of_dual);
    await(*dual, POLLIN);
    std::array<std::byte, 20> buffer;
    const auto [size, sender] = must(dual->receive_from(buffer));
    EXPECT_EQ(size, data1.size());
    EXPECT_EQ(sender, SocketAddress(must(IpAddress::parse("::ffff:127.0.0.1")), address_of(v4).port()));
    send_text(*dual, data2, sender);
    EXPECT_EQ(next_text(v4), data2);
}

TEST(UdpOfBothFamilies, Ipv4SocketCannotSendToIpv6) {
    const auto socket = must(UdpSocket::v4());
    const SocketAddress v6(IpAddress::loopback_v6(), 9);
    EXPECT_TRUE(fails_matching(socket.send_to(bytes_of(data1), v6), is_wrong_family));
    EXPECT_TRUE(fails_matching(socket.connect(v6), is_wrong_family));
    EXPECT_TRUE(fails_matching(socket.bind_to(local_v6()), is_wrong_family));
}
