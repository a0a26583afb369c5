// Properties of single datagrams: sent with `OutgoingDatagram`, and reported in `IncomingDatagram`.
#include <net/if.h>

#include "sockets.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "../udp.hpp"

using namespace test;
using mio::net::DatagramInfo;
using mio::net::Ecn;
using mio::net::Tos;

namespace {

using Time = IncomingDatagram::Time;

class UdpProperties : public OnEachFamily {
  protected:
    bool is_v4() const { return GetParam().ip().is_v4(); }
    IpAddress any() const { return is_v4() ? IpAddress::any_v4() : IpAddress::any_v6(); }
};
INSTANTIATE_TEST_SUITE_P(, UdpProperties, both_families, family_name);

std::uint32_t loopback_index() {
    for (const auto* name : {"lo", "lo0"}) {
        if (const auto index = ::if_nametoindex(name); index != 0) return index;
    }
    ADD_FAILURE() << "no loopback interface";
    return 0;
}

/// Whether the socket's system can send and report the property; FreeBSD and others lack some for IPv4.
bool reports(const UdpSocket& socket, DatagramInfo info) {
    return (must(socket.supported_info()) & info) == info;
}

/// Requests all properties that the system has.
DatagramInfo request_all(const UdpSocket& socket) {
    const auto supported = must(socket.supported_info());
    must(socket.set_receive_info(supported));
    return supported;
}

mio::Result<std::size_t> send_one(const UdpSocket& socket, const OutgoingDatagram& datagram) {
    return socket.send_many({&datagram, 1});
}

/// Waits for the next datagram.
class Next {
  public:
    explicit Next(const UdpSocket& socket) {
        await(socket, POLLIN);
        EXPECT_EQ(must(socket.receive_many(buffers_.all())), 1u);
    }
    const IncomingDatagram* operator->() const { return &buffers_[0]; }
    std::string text() const { return buffers_.text(0); }

  private:
    ReceiveBuffers buffers_{1};
};

/// Markers that no test sends.
void spoil(std::span<IncomingDatagram> slots) {
    for (auto& slot : slots) {
        slot.info_truncated = true;
        slot.ttl = std::uint8_t{1};
        slot.tos = Tos(0xff);
        slot.dropped = 4711;
        slot.interface_index = 4711u;
        slot.local_ip = IpAddress::v4(9, 9, 9, 9);
        slot.received_at = Time();
        slot.segment_size = 99;
    }
}

void expect_nothing_reported(const IncomingDatagram& datagram) {
    EXPECT_FALSE(datagram.info_truncated);
    EXPECT_EQ(datagram.ttl, std::nullopt);
    EXPECT_EQ(datagram.tos, std::nullopt);
    EXPECT_EQ(datagram.dropped, 0u);
    EXPECT_EQ(datagram.interface_index, std::nullopt);
    EXPECT_EQ(datagram.local_ip, std::nullopt);
    EXPECT_EQ(datagram.received_at, std::nullopt);
    EXPECT_EQ(datagram.segment_size, 0);
}

} // namespace

TEST_P(UdpProperties, NothingIsReportedUnlessRequested) {
    const auto receiver = bound();
    const auto sender = bound();
    EXPECT_EQ(must(receiver.receive_info()), DatagramInfo::none);
    const InOrder order;
    send_text(sender, data1, address_of(receiver));
    order.settle();
    ReceiveBuffers buffers(2);
    spoil(buffers.all());
    ASSERT_EQ(receiver.receive_many(buffers.all()), 1u);
    expect_nothing_reported(buffers[0]);
    EXPECT_EQ(buffers[1].dropped, 4711u) << "unused entries are unchanged";
}

TEST_P(UdpProperties, EachRequestReplacesTheLast) {
    const auto socket = bound();
    const auto supported = must(socket.supported_info());
    for (const auto info : {DatagramInfo::local_ip, DatagramInfo::ttl, DatagramInfo::tos,
                            DatagramInfo::received_at, DatagramInfo::dropped,
                            DatagramInfo::ttl | DatagramInfo::received_at, DatagramInfo::none, supported}) {
        if ((supported & info) != info) {
            EXPECT_TRUE(fails_with(socket.set_receive_info(info), mio::Errc::unsupported));
            continue;
        }
        ASSERT_TRUE(ok(socket.set_receive_info(info)));
        EXPECT_EQ(must(socket.receive_info()), info);
    }
    // A part that does not exist changes nothing.
    EXPECT_TRUE(fails_with(socket.set_receive_info(static_cast<DatagramInfo>(0x81)), mio::Errc::unsupported));
    EXPECT_EQ(must(socket.receive_info()), supported);
}

TEST_P(UdpProperties, AreNoLongerReportedOnceTurnedOff) {
    const auto receiver = bound();
    const auto sender = bound();
    request_all(receiver);
    ASSERT_TRUE(ok(receiver.set_receive_info(DatagramInfo::none)));
    send_text(sender, data1, address_of(receiver));
    await(receiver, POLLIN);
    ReceiveBuffers buffers(1);
    spoil(buffers.all());
    ASSERT_EQ(receiver.receive_many(buffers.all()), 1u);
    expect_nothing_reported(buffers[0]);
}

TEST_P(UdpProperties, TosIsTheOneSent) {
    const auto receiver = bound();
    const auto sender = bound();
    if (!reports(receiver, DatagramInfo::tos)) GTEST_SKIP() << "TOS is not reported";
    ASSERT_TRUE(ok(receiver.set_receive_info(DatagramInfo::tos)));
    for (const Tos tos : {Tos(Ecn::not_ect), Tos(Ecn::ect_0), Tos(Ecn::ect_1), Tos(Ecn::ce),
                          Tos(Ecn::ect_0, 46), Tos(Ecn::ce, 10), Tos(Ecn::not_ect, 8)}) {
        ASSERT_EQ(send_one(sender, {.bytes = bytes_of(data1), .peer = address_of(receiver), .tos = tos}), 1u);
        const Next next(receiver);
        ASSERT_TRUE(next->tos);
        EXPECT_EQ(next->tos->value, tos.value);
        EXPECT_EQ(next->tos->ecn(), tos.ecn());
        EXPECT_EQ(next->tos->dscp(), tos.dscp());
        EXPECT_EQ(next->ttl, std::nullopt) << "not requested";
    }
    ASSERT_EQ(send_one(sender, {.bytes = bytes_of(data1), .peer = address_of(receiver)}), 1u);
    EXPECT_EQ(Next(receiver)->tos, Tos()) << "the property is that of one datagram";
}

TEST_P(UdpProperties, TtlIsTheOneSent) {
    const auto receiver = bound();
    const auto sender = bound();
    ASSERT_TRUE(ok(receiver.set_receive_info(DatagramInfo::ttl)));
    ASSERT_TRUE(ok(sender.set_ttl(77)));
    for (const auto ttl : std::to_array<std::uint8_t>({1, 2, 64, 200, 255})) {
        const auto sent =
            send_one(sender, {.bytes = bytes_of(data1), .peer = address_of(receiver), .ttl = ttl});
        if (!sent && sent.error() == mio::Errc::unsupported) break;
        ASSERT_EQ(sent, 1u);
        EXPECT_EQ(Next(receiver)->ttl, ttl);
    }
    send_text(sender, data1, address_of(receiver));
    EXPECT_EQ(Next(receiver)->ttl, std::uint8_t{77}) << "that of the socket";
}

TEST_P(UdpProperties, TtlOfZeroFails) {
    const auto receiver = bound();
    const auto sender = bound();
    EXPECT_TRUE(fails_with(
        send_one(sender, {.bytes = bytes_of(data1), .peer = address_of(receiver), .ttl = std::uint8_t{0}}),
        std::errc::invalid_argument));
}

TEST_P(UdpProperties, LocalIpIsTheAddressItWasSentTo) {
    const auto receiver = must(UdpSocket::bind({any(), 0}));
    const auto port = address_of(receiver).port();
    const auto sender = bound();
    ASSERT_TRUE(ok(receiver.set_receive_info(DatagramInfo::local_ip)));
    std::vector<IpAddress> addresses{GetParam().ip()};
    // All of 127.0.0.0/8 is this machine on Linux only.
    const auto second = IpAddress::v4(127, 0, 0, 2);
    if (is_v4() && UdpSocket::bind({second, 0})) addresses.push_back(second);
    for (const auto& address : addresses) {
        send_text(sender, data1, {address, port});
        const Next next(receiver);
        EXPECT_EQ(next->local_ip, address);
        EXPECT_EQ(next->interface_index, loopback_index());
        EXPECT_EQ(next->peer, address_of(sender));
    }
}

TEST(UdpMulticastProperties, LocalIpIsTheGroup) {
    const auto group = IpAddress::v4(239, 1, 2, 8); // no other test joins it
    const auto receiver = must(UdpSocket::bind({IpAddress::any_v4(), 0}));
    ASSERT_TRUE(ok(receiver.set_receive_info(DatagramInfo::local_ip)));
    ASSERT_TRUE(ok(receiver.join_multicast_v4(group, IpAddress::loopback_v4())));
    const auto sender = must(UdpSocket::v4());
    ASSERT_TRUE(ok(sender.set_multicast_interface_v4(IpAddress::loopback_v4())));
    send_text(sender, data1, {group, address_of(receiver).port()});
    const Next next(receiver);
    EXPECT_EQ(next->local_ip, group);
    EXPECT_EQ(next->interface_index, loopback_index());
}

TEST_P(UdpProperties, SourceIsTheRequestedAddress) {
    const auto receiver = bound();
    const auto sender = must(UdpSocket::bind({any(), 0}));
    const auto port = address_of(sender).port();
    std::vector<IpAddress> addresses{GetParam().ip()};
    const auto second = IpAddress::v4(127, 0, 0, 2);
    if (is_v4() && UdpSocket::bind({second, 0})) addresses.push_back(second);
    for (int round = 0; round < 2; ++round) {
        for (const auto& address : addresses) {
            ASSERT_EQ(
                send_one(sender, {.bytes = bytes_of(data1), .peer = address_of(receiver), .source = address}),
                1u);
            EXPECT_EQ(Next(receiver)->peer, SocketAddress(address, port));
        }
    }
    send_text(sender, data1, address_of(receiver));
    EXPECT_EQ(Next(receiver)->peer, SocketAddress(GetParam().ip(), port)) << "chosen by routing again";
}

TEST_P(UdpProperties, BoundAddressCanBeTheSource) {
    const auto receiver = bound();
    const auto sender = bound();
    ASSERT_EQ(
        send_one(sender, {.bytes = bytes_of(data1), .peer = address_of(receiver), .source = GetParam().ip()}),
        1u);
    EXPECT_EQ(Next(receiver)->peer, address_of(sender));
}

TEST_P(UdpProperties, ReplyGoesOutFromTheAddressAskedAt) {
    const auto server = must(UdpSocket::bind({any(), 0}));
    ASSERT_TRUE(ok(server.set_receive_info(DatagramInfo::local_ip)));
    const auto second = IpAddress::v4(127, 0, 0, 2);
    const bool has_second = is_v4() && UdpSocket::bind({second, 0});
    const SocketAddress asked(has_second ? second : GetParam().ip(), address_of(server).port());
    // A connected client accepts datagrams from the address it asked only.
    const auto client = bound();
    ASSERT_TRUE(ok(client.connect(asked)));
    ASSERT_EQ(client.send(bytes_of(data1)), data1.size());
    const Next request(server);
    ASSERT_EQ(
        send_one(server, {.bytes = bytes_of(data2), .peer = request->peer, .source = request->local_ip}), 1u);
    EXPECT_EQ(next_text(client), data2);
}

TEST_P(UdpProperties, InvalidSourceFails) {
    const auto receiver = bound();
    const auto sender = must(UdpSocket::bind({any(), 0}));
    // A documentation address, which no machine has, and one of the other version.
    const auto elsewhere = must(IpAddress::parse(is_v4() ? "203.0.113.1" : "2001:db8::1"));
    // The last four bytes of the IPv6 address are those of 127.0.0.1.
    const auto other = is_v4() ? must(IpAddress::parse("2001:db8::7f00:1")) : IpAddress::v4(127, 0, 0, 9);
    for (const auto& source : {elsewhere, other}) {
        EXPECT_FALSE(
            send_one(sender, {.bytes = bytes_of(data1), .peer = address_of(receiver), .source = source}));
    }
}

TEST_P(UdpProperties, InterfaceIsTheRequestedOne) {
    const auto receiver = bound();
    const auto sender = must(UdpSocket::bind({any(), 0}));
    const OutgoingDatagram datagram{
        .bytes = bytes_of(data1), .peer = address_of(receiver), .interface_index = loopback_index()};
    const auto sent = send_one(sender, datagram);
    if (!sent && sent.error() == mio::Errc::unsupported) GTEST_SKIP() << "not supported for IPv4";
    ASSERT_EQ(sent, 1u);
    EXPECT_EQ(Next(receiver).text(), data1);
    auto wrong = datagram;
    wrong.interface_index = 0x7fff'fff0;
    EXPECT_FALSE(send_one(sender, wrong));
}

TEST_P(UdpProperties, ReceiveTimeIsThatOfTheSystemClock) {
    const auto receiver = bound();
    const auto sender = bound();
    ASSERT_TRUE(ok(receiver.set_receive_info(DatagramInfo::received_at)));
    const InOrder order;
    // The kernel turns time-stamping on in the background: the first datagrams may be stamped when they are read.
    const auto before = std::chrono::system_clock::now();
    send_text(sender, data1, address_of(receiver));
    order.settle();
    const Next next(receiver);
    const auto after = std::chrono::system_clock::now();
    ASSERT_TRUE(next->received_at);
    // Apple, NetBSD and OpenBSD report microseconds.
    EXPECT_GE(*next->received_at, before - 1us);
    EXPECT_LE(*next->received_at, after);
}

TEST_P(UdpProperties, ConnectedSocketSendsThem) {
    const auto [sender, receiver] = connected();
    request_all(receiver);
    const bool has_tos = reports(receiver, DatagramInfo::tos);
    OutgoingDatagram datagram{.bytes = bytes_of(data1), .source = GetParam().ip()};
    if (has_tos) datagram.tos = Ecn::ce;
    ASSERT_EQ(send_one(sender, datagram), 1u);
    const Next next(receiver);
    EXPECT_EQ(next->local_ip, GetParam().ip());
    if (has_tos) {
        EXPECT_EQ(next->tos, Tos(Ecn::ce));
    }
    EXPECT_EQ(next->peer, address_of(sender));
}

TEST_P(UdpProperties, UnconnectedSocketWithoutPeerFailsAsWithoutProperties) {
    const auto socket = bound();
    EXPECT_TRUE(fails_with(send_one(socket, {.bytes = bytes_of(data1), .source = GetParam().ip()}),
                           send_one(socket, {.bytes = bytes_of(data1)}).error()));
}

TEST_P(UdpProperties, BatchesMixDatagramsWithAndWithout) {
    constexpr std::size_t total = 200;
    const auto receiver = with_large_receive_buffer(GetParam());
    const auto sender = must(UdpSocket::bind({any(), 0}));
    if (!reports(receiver, DatagramInfo::tos)) GTEST_SKIP() << "TOS is not reported";
    const auto supported = request_all(receiver);
    const InOrder order;
    NumberedDatagrams numbered(total, address_of(receiver));
    const auto tos_of = [](std::size_t i) { return Tos(static_cast<Ecn>(i % 4), std::uint8_t(i % 64)); };
    for (std::size_t i = 0; i < total; ++i) {
        if (i % 3 == 0) numbered[i].tos = tos_of(i);
        if (i % 5 == 0) numbered[i].source = GetParam().ip();
    }
    ASSERT_EQ(sender.send_many(numbered.all()), total);
    order.settle();
    ReceiveBuffers buffers(total);
    spoil(buffers.all());
    ASSERT_EQ(receiver.receive_many(buffers.all()), total);
    for (std::size_t i = 0; i < total; ++i) {
        EXPECT_EQ(buffers.text(i), NumberedDatagrams::text(i));
        EXPECT_EQ(buffers[i].tos, i % 3 == 0 ? tos_of(i) : Tos()) << i;
        EXPECT_EQ(buffers[i].local_ip, GetParam().ip()) << i;
        EXPECT_TRUE(buffers[i].ttl && *buffers[i].ttl > 1) << i;
        EXPECT_EQ(buffers[i].dropped, 0u) << i;
        EXPECT_FALSE(buffers[i].info_truncated) << i;
        EXPECT_EQ(buffers[i].segment_size, 0) << i;
        if ((supported & DatagramInfo::received_at) != DatagramInfo::none) {
            EXPECT_TRUE(buffers[i].received_at && *buffers[i].received_at > Time());
        }
    }
}

TEST_P(UdpProperties, BatchEndsBeforeADatagramWhosePropertyIsInvalid) {
    const auto receiver = with_large_receive_buffer(GetParam());
    const auto sender = bound();
    const InOrder order;
    for (const std::size_t bad : {1uz, 63uz, 64uz, 65uz, 99uz}) {
        NumberedDatagrams numbered(100, address_of(receiver));
        numbered[bad].ttl = std::uint8_t{0};
        EXPECT_EQ(sender.send_many(numbered.all()), bad);
        EXPECT_TRUE(fails_with(sender.send_many(numbered.all().subspan(bad)), std::errc::invalid_argument));
        order.settle();
        ReceiveBuffers buffers(200);
        EXPECT_EQ(receiver.receive_many(buffers.all()), bad);
    }
}

// A dual-stack socket, and IPv4 sockets that it exchanges datagrams with.
TEST(UdpDualStack, PropertiesOfV4DatagramsAreReported) {
    const auto dual = UdpSocket::bind({IpAddress::any_v6(), 0});
    if (!dual) GTEST_SKIP() << "no IPv6: " << dual.error().message();
    if (must(dual->only_v6())) GTEST_SKIP() << "IPv6 only";
    const auto port = address_of(*dual).port();
    const auto v4 = must(UdpSocket::bind(local_v4()));
    const auto v6 = must(UdpSocket::bind(local_v6()));
    request_all(*dual);

    OutgoingDatagram datagram{.bytes = bytes_of(data1), .peer = {IpAddress::loopback_v6(), port}};
    datagram.tos = Tos(Ecn::ect_1, 7);
    datagram.ttl = std::uint8_t{9};
    ASSERT_EQ(send_one(v6, datagram), 1u);
    const Next from_v6(*dual);
    EXPECT_EQ(from_v6->local_ip, IpAddress::loopback_v6());
    EXPECT_EQ(from_v6->tos, Tos(Ecn::ect_1, 7));
    EXPECT_EQ(from_v6->ttl, std::uint8_t{9});

    send_text(v4, data1, {IpAddress::loopback_v4(), port});
    const Next from_v4(*dual);
    EXPECT_EQ(from_v4->local_ip, must(IpAddress::parse("::ffff:127.0.0.1")));
    EXPECT_EQ(from_v4->interface_index, loopback_index());
    EXPECT_TRUE(from_v4->received_at);

    datagram.peer = {IpAddress::loopback_v4(), port};
    const auto sent = send_one(v4, datagram);
    if (!sent && sent.error() == mio::Errc::unsupported) return;
    ASSERT_EQ(sent, 1u);
    const Next marked(*dual);
    EXPECT_EQ(marked->tos, Tos(Ecn::ect_1, 7));
    EXPECT_EQ(marked->ttl, std::uint8_t{9});
}

TEST(UdpDualStack, PropertiesOfV4DatagramsAreSent) {
    const auto dual = UdpSocket::bind({IpAddress::any_v6(), 0});
    if (!dual) GTEST_SKIP() << "no IPv6: " << dual.error().message();
    if (must(dual->only_v6())) GTEST_SKIP() << "IPv6 only";
    const auto v4 = must(UdpSocket::bind(local_v4()));
    request_all(v4);
    const auto second = IpAddress::v4(127, 0, 0, 2);
    const auto source = UdpSocket::bind({second, 0}) ? second : IpAddress::loopback_v4();
    auto mapped_bytes = std::array<std::uint8_t, 16>{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    for (std::size_t i = 0; i < 4; ++i) mapped_bytes[12 + i] = source.bytes()[i];
    const SocketAddress mapped_peer(must(IpAddress::parse("::ffff:127.0.0.1")), address_of(v4).port());

    const auto expect_sent = [&](const OutgoingDatagram& datagram) {
        const auto sent = send_one(*dual, datagram);
        if (!sent && sent.error() == mio::Errc::unsupported) return;
        ASSERT_TRUE(ok(sent));
        const Next next(v4);
        EXPECT_EQ(next->peer, SocketAddress(source, address_of(*dual).port()));
        EXPECT_EQ(next->tos, Tos(Ecn::ce));
        EXPECT_EQ(next->ttl, std::uint8_t{5});
    };
    OutgoingDatagram datagram{.bytes = bytes_of(data1), .peer = mapped_peer, .source = source};
    datagram.tos = Ecn::ce;
    datagram.ttl = std::uint8_t{5};
    expect_sent(datagram);
    datagram.source = IpAddress::v6(mapped_bytes);
    expect_sent(datagram);
    // The same on a socket that is connected to an IPv4 peer.
    ASSERT_TRUE(ok(dual->connect(mapped_peer)));
    datagram.peer = {};
    if (source == IpAddress::loopback_v4()) expect_sent(datagram);
    datagram.source.reset();
    const auto sent = send_one(*dual, datagram);
    if (!sent && sent.error() == mio::Errc::unsupported) return;
    ASSERT_EQ(sent, 1u);
    EXPECT_EQ(Next(v4)->tos, Tos(Ecn::ce));
}

TEST_P(UdpProperties, SegmentSizeSplitsOneDatagram) {
    const auto receiver = bound();
    const auto sender = bound();
    const std::string text(1'000, 'x');
    const std::array<OutgoingDatagram, 3> datagrams{{
        {.bytes = bytes_of(text), .peer = address_of(receiver), .segment_size = 300},
        {.bytes = bytes_of(text), .peer = address_of(receiver)},
        {.bytes = bytes_of(text), .peer = address_of(receiver), .segment_size = 600},
    }};
    const auto sent = sender.send_many(datagrams);
    if (!sent && sent.error() == mio::Errc::unsupported) GTEST_SKIP() << "no segmentation offload";
    ASSERT_EQ(sent, 3u);
    for (const std::size_t size : {300uz, 300uz, 300uz, 100uz, 1'000uz, 600uz, 400uz})
        EXPECT_EQ(next_text(receiver).size(), size);
}

TEST_P(UdpProperties, SegmentSizeComesWithOtherProperties) {
    const auto receiver = bound();
    const auto sender = must(UdpSocket::bind({any(), 0}));
    if (!receiver.set_receive_offload(true)) GTEST_SKIP() << "no receive offload";
    request_all(receiver);
    const std::string text(1'000, 'x');
    OutgoingDatagram datagram{.bytes = bytes_of(text), .peer = address_of(receiver)};
    datagram.source = GetParam().ip();
    datagram.ttl = std::uint8_t{33};
    datagram.tos = Tos(Ecn::ect_0, 5);
    datagram.segment_size = 250;
    ASSERT_EQ(send_one(sender, datagram), 1u);
    await(receiver, POLLIN);
    ReceiveBuffers buffers(2, 65'535);
    ASSERT_EQ(receiver.receive_many(buffers.all()), 1u);
    EXPECT_EQ(buffers[0].size, 1'000u);
    EXPECT_EQ(buffers[0].segment_size, 250);
    EXPECT_EQ(buffers[0].ttl, std::uint8_t{33});
    EXPECT_EQ(buffers[0].tos, Tos(Ecn::ect_0, 5));
    EXPECT_EQ(buffers[0].local_ip, GetParam().ip());
    EXPECT_FALSE(buffers[0].info_truncated);
}
