// Many datagrams per call.
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

class ManyDatagrams : public OnEachFamily {};
INSTANTIATE_TEST_SUITE_P(, ManyDatagrams, both_families, family_name);

/// Fills every field with a marker, so that unchanged fields are detected.
void spoil(std::span<IncomingDatagram> slots) {
    for (auto& slot : slots) {
        slot.size = 4711;
        slot.peer = SocketAddress(IpAddress::v4(9, 9, 9, 9), 9);
        slot.truncated = true;
        slot.segment_size = 99;
    }
}

void expect_datagram(const ReceiveBuffers& buffers, std::size_t at, std::string_view text,
                     const SocketAddress& from) {
    EXPECT_EQ(buffers.text(at), text) << at;
    EXPECT_EQ(buffers[at].peer, from) << buffers[at].peer.to_string();
    EXPECT_FALSE(buffers[at].truncated) << at;
    EXPECT_EQ(buffers[at].segment_size, 0) << at;
}

constexpr std::size_t counts[] = {1, 2, 63, 64, 65, 128, 129, 200};

} // namespace

TEST_P(ManyDatagrams, ArriveAsTheyWereSent) {
    const auto receiver = with_large_receive_buffer(GetParam());
    const auto sender = bound();
    const InOrder order;
    for (const auto count : counts) {
        EXPECT_EQ(sender.send_many(NumberedDatagrams(count, address_of(receiver)).all()), count);
        order.settle();
        ReceiveBuffers buffers(count);
        spoil(buffers.all());
        ASSERT_EQ(receiver.receive_many(buffers.all()), count);
        for (std::size_t i = 0; i < count; ++i)
            expect_datagram(buffers, i, NumberedDatagrams::text(i), address_of(sender));
        EXPECT_TRUE(blocks(receiver.receive_many(buffers.all())));
    }
}

TEST_P(ManyDatagrams, ArriveAsTheyWereSentBetweenPeers) {
    const auto receiver = with_large_receive_buffer(GetParam());
    const auto sender = bound();
    ASSERT_TRUE(ok(sender.connect(address_of(receiver))));
    ASSERT_TRUE(ok(receiver.connect(address_of(sender))));
    const InOrder order;
    for (const auto count : counts) {
        EXPECT_EQ(sender.send_many(NumberedDatagrams(count).all()), count);
        order.settle();
        ReceiveBuffers buffers(count);
        spoil(buffers.all());
        ASSERT_EQ(receiver.receive_many(buffers.all()), count);
        for (std::size_t i = 0; i < count; ++i)
            expect_datagram(buffers, i, NumberedDatagrams::text(i), address_of(sender));
    }
}

TEST_P(ManyDatagrams, EmptyBatchIsNoCall) {
    const auto socket = bound();
    EXPECT_EQ(socket.receive_many({}), 0u) << "even with nothing queued";
    EXPECT_EQ(socket.send_many({}), 0u) << "even without a peer";
}

TEST_P(ManyDatagrams, ReceiveReportsEachSender) {
    const auto receiver = bound();
    const std::array senders{bound(), bound(), bound()};
    const InOrder order;
    for (int round = 0; round < 2; ++round)
        for (const auto& sender : senders) send_text(sender, data1, address_of(receiver));
    order.settle();
    ReceiveBuffers buffers(10);
    ASSERT_EQ(receiver.receive_many(buffers.all()), 6u);
    for (std::size_t i = 0; i < 6; ++i) expect_datagram(buffers, i, data1, address_of(senders[i % 3]));
}

TEST_P(ManyDatagrams, SendUsesEachAddress) {
    const auto sender = bound();
    const std::array receivers{bound(), bound(), bound()};
    std::vector<OutgoingDatagram> datagrams;
    for (const auto& receiver : receivers) {
        datagrams.push_back({bytes_of(data1), address_of(receiver)});
        datagrams.push_back({bytes_of(data2), address_of(receiver)});
    }
    EXPECT_EQ(sender.send_many(datagrams), 6u);
    for (const auto& receiver : receivers) {
        EXPECT_EQ(next_text(receiver), data1);
        EXPECT_EQ(next_text(receiver), data2);
    }
}

TEST_P(ManyDatagrams, ConnectedSocketCanSendToOtherAddresses) {
    const auto sender = bound();
    const auto peer = bound();
    const auto other = bound();
    ASSERT_TRUE(ok(sender.connect(address_of(peer))));
    const std::array<OutgoingDatagram, 3> datagrams{{
        {bytes_of("to the peer")},
        {bytes_of("elsewhere"), address_of(other)},
        {bytes_of("to the peer again")},
    }};
    EXPECT_EQ(sender.send_many(datagrams), 3u);
    EXPECT_EQ(next_text(peer), "to the peer");
    EXPECT_EQ(next_text(peer), "to the peer again");
    EXPECT_EQ(next_text(other), "elsewhere");
}

TEST_P(ManyDatagrams, ReceiveReturnsFewerThanRequestedWhenNoMoreAreQueued) {
    const auto receiver = with_large_receive_buffer(GetParam());
    const auto sender = bound();
    const InOrder order;
    for (const std::size_t waiting : {1uz, 10uz, 63uz, 64uz, 65uz, 100uz}) {
        ASSERT_EQ(sender.send_many(NumberedDatagrams(waiting, address_of(receiver)).all()), waiting);
        order.settle();
        ReceiveBuffers buffers(200);
        spoil(buffers.all());
        ASSERT_EQ(receiver.receive_many(buffers.all()), waiting);
        EXPECT_EQ(buffers.text(waiting - 1), NumberedDatagrams::text(waiting - 1));
        EXPECT_EQ(buffers[waiting].size, 4711u) << "unused entries are unchanged";
        EXPECT_TRUE(blocks(receiver.receive_many(buffers.all())));
    }
}

TEST_P(ManyDatagrams, ReceiveLeavesTheRestQueued) {
    const auto receiver = bound();
    const auto sender = bound();
    const InOrder order;
    ASSERT_EQ(sender.send_many(NumberedDatagrams(10, address_of(receiver)).all()), 10u);
    order.settle();
    ReceiveBuffers buffers(4);
    ASSERT_EQ(receiver.receive_many(buffers.all()), 4u);
    EXPECT_EQ(buffers.text(0), "0");
    ASSERT_EQ(receiver.receive_many(buffers.first(1)), 1u);
    EXPECT_EQ(buffers.text(0), "4");
    EXPECT_EQ(next_text(receiver), "5");
    ASSERT_EQ(receiver.receive_many(buffers.all()), 4u);
    EXPECT_EQ(buffers.text(3), "9");
}

TEST_P(ManyDatagrams, ReceiveWouldBlockWithoutDatagrams) {
    const auto socket = bound();
    for (const std::size_t count : {1uz, 64uz, 65uz}) {
        ReceiveBuffers buffers(count);
        EXPECT_TRUE(blocks(socket.receive_many(buffers.all())));
    }
}

TEST_P(ManyDatagrams, ReportTruncation) {
    const auto receiver = bound();
    const auto sender = bound();
    const InOrder order;
    for (const auto* text : {"1234", "12345", "123456", "", "x"})
        send_text(sender, text, address_of(receiver));
    order.settle();
    ReceiveBuffers buffers(6, 5);
    ASSERT_EQ(receiver.receive_many(buffers.all()), 5u);
    const auto expect = [&](std::size_t at, std::string_view text, bool truncated) {
        EXPECT_EQ(buffers.text(at), text);
        EXPECT_EQ(buffers[at].truncated, truncated) << text;
        EXPECT_EQ(buffers[at].peer, address_of(sender));
    };
    expect(0, "1234", false);
    expect(1, "12345", false);
    expect(2, "12345", true);
    expect(3, "", false);
    expect(4, "x", false);
}

TEST_P(ManyDatagrams, EmptyBuffersDiscardDatagrams) {
    const auto receiver = bound();
    const auto sender = bound();
    const InOrder order;
    send_text(sender, data1, address_of(receiver));
    send_text(sender, "", address_of(receiver));
    order.settle();
    std::array<IncomingDatagram, 3> nothing;
    ASSERT_EQ(receiver.receive_many(nothing), 2u);
    EXPECT_EQ(nothing[0].size, 0u);
    EXPECT_TRUE(nothing[0].truncated);
    EXPECT_FALSE(nothing[1].truncated);
    EXPECT_EQ(nothing[1].peer, address_of(sender));
}

TEST_P(ManyDatagrams, LongestDatagramsArriveWhole) {
    const auto receiver = must(UdpSocket::bind(GetParam()));
    const auto sender = bound();
    const std::size_t longest = GetParam().ip().is_v4() ? 65'507 : 65'527;
    const std::string text(longest + 1, 'x');
    const OutgoingDatagram too_long{bytes_of(text), address_of(receiver)};
    EXPECT_TRUE(fails_with(sender.send_many({&too_long, 1}), std::errc::message_size));
    const OutgoingDatagram just_right{bytes_of(text).first(longest), address_of(receiver)};
    ASSERT_EQ(sender.send_many({&just_right, 1}), 1u);
    await(receiver, POLLIN);
    ReceiveBuffers buffers(2, 65'535);
    ASSERT_EQ(receiver.receive_many(buffers.all()), 1u);
    EXPECT_EQ(buffers[0].size, longest);
    EXPECT_FALSE(buffers[0].truncated);
}

TEST_P(ManyDatagrams, SendStopsBeforeTheFirstThatFails) {
    const auto receiver = with_large_receive_buffer(GetParam());
    const auto sender = bound();
    const InOrder order;
    const SocketAddress port_0(GetParam().ip(), 0);
    const std::string too_long(70'000, 'x');
    for (const std::size_t bad : {1uz, 30uz, 63uz, 64uz, 65uz, 99uz}) {
        // An invalid address.
        NumberedDatagrams numbered(100, address_of(receiver));
        numbered[bad].peer = port_0;
        EXPECT_EQ(sender.send_many(numbered.all()), bad);
        EXPECT_TRUE(fails_with(sender.send_many(numbered.all().subspan(bad)), std::errc::invalid_argument));
        EXPECT_EQ(sender.send_many(numbered.all().subspan(bad + 1)), 100 - bad - 1);
        // A datagram that is too long.
        numbered[bad] = {bytes_of(too_long), address_of(receiver)};
        EXPECT_EQ(sender.send_many(numbered.all().first(bad + 1)), bad);
        EXPECT_TRUE(fails_with(sender.send_many(numbered.all().subspan(bad)), std::errc::message_size));

        order.settle();
        ReceiveBuffers buffers(200);
        EXPECT_EQ(receiver.receive_many(buffers.all()), 99 + bad);
    }
    EXPECT_EQ(must(sender.take_error()), std::error_code());
}

TEST_P(ManyDatagrams, SendWithoutAddressOrPeerFails) {
    const auto sender = bound();
    const auto receiver = bound();
    EXPECT_TRUE(fails_matching(sender.send_many(NumberedDatagrams(3).all()), is_no_peer));
    NumberedDatagrams mixed(3, address_of(receiver));
    mixed[2].peer = {};
    EXPECT_EQ(sender.send_many(mixed.all()), 2u);
    EXPECT_TRUE(fails_matching(sender.send_many(mixed.all().subspan(2)), is_no_peer));
}

TEST_P(ManyDatagrams, CallAfterAPendingErrorContinues) {
    const ClosedPort closed(GetParam());
    const auto sender = bound();
    ASSERT_TRUE(ok(sender.connect(closed.address())));
    std::size_t sent = 0;
    // Either call may report the error, or neither; sending continues in any case.
    for (int call = 0; call < 20 && sent < 10; ++call) {
        const auto count = sender.send_many(NumberedDatagrams(10 - sent).all());
        if (!count) {
            ASSERT_TRUE(fails_with(count, std::errc::connection_refused));
            continue;
        }
        ASSERT_GE(*count, 1u);
        sent += *count;
    }
    EXPECT_EQ(sent, 10u);
}

TEST(ManyBroadcasts, RequireTheOption) {
    const auto sender = must(UdpSocket::bind(local_v4()));
    const auto receiver = must(UdpSocket::bind({IpAddress::any_v4(), 0}));
    const auto port = address_of(receiver).port();
    const std::array<OutgoingDatagram, 3> datagrams{{
        {bytes_of("1"), {IpAddress::loopback_v4(), port}},
        {bytes_of("2"), {IpAddress::v4(127, 255, 255, 255), port}},
        {bytes_of("3"), {IpAddress::loopback_v4(), port}},
    }};
    EXPECT_EQ(sender.send_many(datagrams), 1u);
    EXPECT_TRUE(fails_with(sender.send_many(std::span(datagrams).subspan(1)), std::errc::permission_denied));
    ASSERT_TRUE(ok(sender.set_broadcast(true)));
    EXPECT_EQ(sender.send_many(std::span(datagrams).subspan(1)), 2u);
    for (const auto* text : {"1", "2", "3"}) EXPECT_EQ(next_text(receiver), text);
}

TEST(ManyDatagramsOfBothFamilies, KeepTheirAddresses) {
    const auto dual = UdpSocket::bind({IpAddress::any_v6(), 0});
    if (!dual) GTEST_SKIP() << "no IPv6: " << dual.error().message();
    if (must(dual->only_v6())) GTEST_SKIP() << "sockets are IPv6-only on this system";
    const auto port = address_of(*dual).port();
    const auto v4 = must(UdpSocket::bind(local_v4()));
    const auto v6 = must(UdpSocket::bind(local_v6()));
    const InOrder order;
    send_text(v4, data1, {IpAddress::loopback_v4(), port});
    send_text(v6, data2, {IpAddress::loopback_v6(), port});
    order.settle();
    ReceiveBuffers buffers(2);
    ASSERT_EQ(dual->receive_many(buffers.all()), 2u);
    EXPECT_EQ(buffers[0].peer,
              SocketAddress(must(IpAddress::parse("::ffff:127.0.0.1")), address_of(v4).port()));
    EXPECT_EQ(buffers[1].peer, address_of(v6));
}
