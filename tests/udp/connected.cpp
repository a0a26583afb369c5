#include "sockets.hpp"

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "udp.hpp"

using namespace test;

namespace {

class ConnectedUdp : public OnEachFamily {};
INSTANTIATE_TEST_SUITE_P(, ConnectedUdp, both_families, family_name);

void expect_no_error(const UdpSocket& socket) { EXPECT_EQ(must(socket.take_error()), std::error_code()); }

/// A socket bound to a port that was not chosen by the kernel.
UdpSocket bound_to_a_chosen_port(const SocketAddress& at) {
    while (true) {
        const auto free_port = address_of(must(UdpSocket::bind(at)));
        auto socket = UdpSocket::bind(free_port);
        if (socket || socket.error() != std::errc::address_in_use) return must(std::move(socket));
    }
}

/// Exchange between any two connected sockets.
void exchange_datagrams(UdpSocket s1, UdpSocket s2) {
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(s1, id1, read_write)));
    ASSERT_TRUE(ok(loop.registry().add(s2, id2, read_write)));
    loop.expect({{id1, Interest::writable}, {id2, Interest::writable}});

    std::array<std::byte, 20> buffer;
    EXPECT_TRUE(blocks(s1.peek(buffer)));
    EXPECT_TRUE(blocks(s1.receive(buffer)));
    EXPECT_TRUE(blocks(s2.peek(buffer)));
    EXPECT_TRUE(blocks(s2.receive(buffer)));

    EXPECT_EQ(s1.send(bytes_of(data1)), data1.size());
    EXPECT_EQ(s2.send(bytes_of(data2)), data2.size());
    loop.expect({{id1, Interest::readable}, {id2, Interest::readable}});

    const auto text = [&](auto&& size) { return text_of(std::span(buffer).first(must(size))); };
    EXPECT_EQ(text(s1.peek(buffer)), data2);
    EXPECT_EQ(text(s2.peek(buffer)), data1);
    EXPECT_EQ(text(s1.receive(buffer)), data2);
    EXPECT_EQ(text(s2.receive(buffer)), data1);
    EXPECT_TRUE(blocks(s1.receive(buffer)));
    EXPECT_TRUE(blocks(s2.receive(buffer)));
    expect_no_error(s1);
    expect_no_error(s2);
}

} // namespace

TEST_P(ConnectedUdp, SocketsExchangeDatagrams) {
    auto [s1, s2] = connected();
    exchange_datagrams(std::move(s1), std::move(s2));
}

TEST_P(ConnectedUdp, AdoptedSocketsExchangeDatagrams) {
    auto [s1, s2] = connected();
    exchange_datagrams(UdpSocket::from_raw(s1.release()), UdpSocket::from_raw(s2.release()));
}

TEST_P(ConnectedUdp, ReportsItsPeer) {
    const auto s1 = bound();
    const auto s2 = bound();
    const auto s3 = bound();
    EXPECT_TRUE(fails_with(s1.peer_address(), std::errc::not_connected));
    ASSERT_TRUE(ok(s1.connect(address_of(s2))));
    EXPECT_EQ(s1.peer_address(), address_of(s2));
    ASSERT_TRUE(ok(s1.connect(address_of(s3))));
    EXPECT_EQ(s1.peer_address(), address_of(s3));
}

TEST_P(ConnectedUdp, ConnectingBindsAnUnboundSocket) {
    const auto s1 = unbound();
    const auto s2 = bound();
    ASSERT_TRUE(ok(s1.connect(address_of(s2))));
    EXPECT_EQ(address_of(s1).ip(), GetParam().ip());
    EXPECT_NE(address_of(s1).port(), 0);
}

TEST_P(ConnectedUdp, DisconnectRemovesThePeer) {
    auto s1 = bound_to_a_chosen_port(GetParam());
    const auto s2 = bound();
    const auto s3 = bound();
    const auto before = address_of(s1);
    ASSERT_TRUE(ok(s1.connect(address_of(s2))));
    ASSERT_TRUE(ok(s2.connect(before)));
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(s1, id1, read_write)));
    loop.expect({{id1, Interest::writable}});

    ASSERT_TRUE(ok(s1.disconnect()));
    EXPECT_TRUE(fails_with(s1.peer_address(), std::errc::not_connected));
    EXPECT_TRUE(fails_matching(s1.send(bytes_of(data1)), is_no_peer));
    EXPECT_EQ(address_of(s1).port(), before.port());
    expect_no_error(s1);

    // It receives from everyone, and sends to everyone.
    std::array<std::byte, 20> buffer;
    send_text(s3, data1, before);
    loop.expect({{id1, Interest::readable}});
    EXPECT_EQ(next_text(s1), data1);
    EXPECT_TRUE(blocks(s1.receive(buffer)));
    EXPECT_EQ(s2.send(bytes_of(data2)), data2.size());
    loop.expect({{id1, Interest::readable}});
    EXPECT_EQ(next_text(s1), data2);
    send_text(s1, data1, address_of(s3));
    EXPECT_EQ(next_text(s3), data1);

    ASSERT_TRUE(ok(s1.connect(address_of(s3))));
    EXPECT_EQ(s1.peer_address(), address_of(s3));
    EXPECT_EQ(s1.send(bytes_of(data2)), data2.size());
    EXPECT_EQ(next_text(s3), data2);
}

TEST_P(ConnectedUdp, DisconnectHasNoEffectWithoutAPeer) {
    for (const auto& socket : {bound(), unbound()}) {
        const auto before = address_of(socket);
        EXPECT_TRUE(ok(socket.disconnect()));
        EXPECT_TRUE(ok(socket.disconnect()));
        EXPECT_EQ(address_of(socket), before) << "it keeps a port that the kernel chose";
        EXPECT_TRUE(fails_with(socket.peer_address(), std::errc::not_connected));
    }
    EXPECT_TRUE(fails_with(UdpSocket::from_raw(mio::invalid_handle).disconnect(), no_such_handle));
}

TEST_P(ConnectedUdp, RefusalsOfAFormerPeerAreNotReported) {
    const ClosedPort port(GetParam());
    const auto socket = bound();
    ASSERT_TRUE(ok(socket.connect(port.address())));
    ASSERT_TRUE(ok(socket.disconnect()));
    const InOrder order;
    send_text(socket, data1, port.address());
    order.settle();
    std::array<std::byte, 20> buffer;
    EXPECT_TRUE(blocks(socket.receive(buffer)));
    expect_no_error(socket);
}

TEST_P(ConnectedUdp, EmptyDatagramArrives) {
    const auto [s1, s2] = connected();
    EXPECT_EQ(s1.send({}), 0u);
    EXPECT_EQ(s1.send(bytes_of(data1)), data1.size());
    EXPECT_EQ(next_text(s2), "");
    EXPECT_EQ(next_text(s2), data1);
}

TEST_P(ConnectedUdp, TooLongDatagramFails) {
    const auto [s1, s2] = connected();
    EXPECT_TRUE(fails_with(s1.send(bytes_of(std::string(70'000, 'x'))), std::errc::message_size));
    EXPECT_EQ(s1.send(bytes_of(data1)), data1.size());
    EXPECT_EQ(next_text(s2), data1);
}

TEST_P(ConnectedUdp, ConnectingAgainChangesTheDestination) {
    auto s1 = bound();
    auto s2 = bound();
    auto s3 = bound();
    ASSERT_TRUE(ok(s1.connect(address_of(s2))));
    ASSERT_TRUE(ok(s2.connect(address_of(s1))));
    ASSERT_TRUE(ok(s3.connect(address_of(s1))));
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(s1, id1, read_write)));
    ASSERT_TRUE(ok(loop.registry().add(s2, id2, Interest::readable)));
    ASSERT_TRUE(ok(loop.registry().add(s3, id3, Interest::readable)));
    loop.expect({{id1, Interest::writable}});

    EXPECT_EQ(s1.send(bytes_of(data1)), data1.size());
    loop.expect({{id2, Interest::readable}});
    EXPECT_EQ(next_text(s2), data1);

    ASSERT_TRUE(ok(s1.connect(address_of(s3))));
    EXPECT_EQ(s1.send(bytes_of(data2)), data2.size());
    loop.expect({{id3, Interest::readable}});
    EXPECT_EQ(next_text(s3), data2);
    for (const auto* socket : {&s1, &s2, &s3}) expect_no_error(*socket);
}

TEST_P(ConnectedUdp, ConnectingAgainChangesTheAcceptedSender) {
    auto s1 = bound();
    auto s2 = bound();
    auto s3 = bound();
    ASSERT_TRUE(ok(s1.connect(address_of(s2))));
    ASSERT_TRUE(ok(s2.connect(address_of(s1))));
    ASSERT_TRUE(ok(s3.connect(address_of(s1))));
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(s1, id1, Interest::readable)));
    ASSERT_TRUE(ok(loop.registry().add(s2, id2, Interest::writable)));
    ASSERT_TRUE(ok(loop.registry().add(s3, id3, Interest::writable)));
    loop.expect({{id2, Interest::writable}, {id3, Interest::writable}});

    std::array<std::byte, 20> buffer;
    const auto expect_heard = [&](const UdpSocket& from, std::string_view text) {
        ASSERT_TRUE(ok(s1.connect(address_of(from))));
        EXPECT_EQ(from.send(bytes_of(text)), text.size());
        loop.expect({{id1, Interest::readable}});
        EXPECT_EQ(text_of(std::span(buffer).first(must(s1.receive(buffer)))), text);
        EXPECT_TRUE(blocks(s1.receive(buffer)));
    };
    expect_heard(s2, data1);
    expect_heard(s3, data2);
    expect_heard(s2, data2);
    for (const auto* socket : {&s1, &s2, &s3}) expect_no_error(*socket);
}

TEST_P(ConnectedUdp, CanSendToOthersButReceivesFromItsPeerOnly) {
    auto s1 = bound();
    auto s2 = bound();
    auto s3 = bound();
    ASSERT_TRUE(ok(s1.connect(address_of(s3))));
    ASSERT_TRUE(ok(s3.connect(address_of(s2))));
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(s1, id1, Interest::writable)));
    ASSERT_TRUE(ok(loop.registry().add(s2, id2, Interest::writable)));
    ASSERT_TRUE(ok(loop.registry().add(s3, id3, Interest::readable)));
    loop.expect({{id1, Interest::writable}, {id2, Interest::writable}});

    // Linux lets a connected socket name an address; the BSDs and Apple do not.
    send_text(s1, data1, address_of(s2));
    EXPECT_EQ(next_text(s2), data1);

    // s3 is connected to s2 and receives from it.
    send_text(s2, data2, address_of(s3));
    loop.expect({{id3, Interest::readable}});
    std::array<std::byte, 20> buffer;
    const auto [peeked, sender] = must(s3.peek_from(buffer));
    EXPECT_EQ(text_of(std::span(buffer).first(peeked)), data2);
    EXPECT_EQ(sender, address_of(s2));
    EXPECT_EQ(must(s3.receive_from(buffer)), std::pair(data2.size(), address_of(s2)));
    for (const auto* socket : {&s1, &s2, &s3}) expect_no_error(*socket);
}

TEST_P(ConnectedUdp, DiscardsDatagramsFromOtherSenders) {
    if (!reports_refused_datagrams()) GTEST_SKIP() << "refused datagrams are not reported";
    auto [s1, s2] = connected();
    auto stranger = bound();
    ASSERT_TRUE(ok(stranger.connect(address_of(s1))));
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(stranger, id1, Interest::writable)));
    loop.expect({{id1, Interest::writable}});
    EXPECT_EQ(stranger.send(bytes_of("hello world")), 11u);
    // The refusal has arrived, so the datagram has been discarded.
    await(stranger, POLLIN);
    ASSERT_TRUE(ok(loop.registry().remove(stranger)));
    ASSERT_TRUE(ok(loop.registry().add(s1, id1, Interest::readable)));
    loop.expect_none();
    std::array<std::byte, 20> buffer;
    EXPECT_TRUE(blocks(s1.receive(buffer)));
    EXPECT_EQ(s2.send(bytes_of(data1)), data1.size());
    EXPECT_EQ(next_text(s1), data1);
}

TEST_P(ConnectedUdp, EchoesDrivenByEvents) {
    auto [sender, receiver] = connected();
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
                must(sender.send(bytes_of("hello world")));
            else
                got = text_of(std::span(buffer).first(must(receiver.receive(buffer))));
        }
    }
    EXPECT_EQ(got, "hello world");
}
