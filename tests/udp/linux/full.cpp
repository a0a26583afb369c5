// Sending with a full send buffer. Loopback frees the sender's buffer immediately, so it fills only on an Ethernet
// without ARP replies.
#include "network.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <cstddef>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "../udp.hpp"

using namespace test;

namespace {

const SocketAddress silent(IpAddress::v4(10, 9, 0, 2), 9);
const std::string text(100, 'x');

/// A socket whose send buffer holds a few dozen datagrams.
UdpSocket narrow() {
    auto socket = must(UdpSocket::bind({IpAddress::v4(10, 9, 0, 1), 0}));
    set_raw_option(socket, SOL_SOCKET, SO_SNDBUF, 16'384);
    return socket;
}

std::vector<OutgoingDatagram> copies(std::size_t count, const SocketAddress& peer) {
    return std::vector<OutgoingDatagram>(count, {.bytes = bytes_of(text), .peer = peer});
}

/// Number of datagrams that the buffer holds.
std::size_t fill_one_by_one(const UdpSocket& socket) {
    for (std::size_t count = 0; count < 100'000; ++count) {
        const auto sent = socket.send_to(bytes_of(text), silent);
        if (sent) continue;
        EXPECT_TRUE(blocks(sent));
        return count;
    }
    ADD_FAILURE() << "the buffer never fills";
    return 0;
}

} // namespace

TEST(FullUdpSocket, WouldBlockAndReportsWhenItHasSpace) {
    in_own_network([](const Network& network) {
        auto socket = narrow();
        Loop loop;
        ASSERT_TRUE(ok(loop.registry().add(socket, id1, Interest::writable)));
        loop.expect({{id1, Interest::writable}});
        EXPECT_GT(fill_one_by_one(socket), 0u);
        EXPECT_TRUE(blocks(socket.send_to(bytes_of(text), silent)));
        EXPECT_TRUE(blocks(socket.send_many(copies(3, silent))));
        loop.expect_none();
        network.answer_arp();
        loop.expect({{id1, Interest::writable}});
        EXPECT_EQ(socket.send_to(bytes_of(text), silent), text.size());
    });
}

TEST(FullUdpSocket, SendManySendsAsManyAsFit) {
    in_own_network([](const Network&) {
        std::size_t room = 0;
        {
            const auto socket = narrow();
            room = fill_one_by_one(socket);
        }
        ASSERT_GT(room, 2u);
        const auto socket = narrow();
        EXPECT_EQ(socket.send_many(copies(room + 10, silent)), room);
        EXPECT_TRUE(blocks(socket.send_many(copies(10, silent))));
    });
}

TEST(FullUdpSocket, SendManyStopsWithinABatch) {
    in_own_network([](const Network&) {
        const auto socket = narrow();
        set_raw_option(socket, SOL_SOCKET, SO_SNDBUF, 65'536);
        const auto room = fill_one_by_one(socket);
        ASSERT_GT(room, 64u) << "too small to reach the second batch";
        const auto other = narrow();
        set_raw_option(other, SOL_SOCKET, SO_SNDBUF, 65'536);
        EXPECT_EQ(other.send_many(copies(room + 64, silent)), room);
        EXPECT_TRUE(blocks(other.send_many(copies(1, silent))));
        // Datagrams to other addresses do not fit either: the buffer belongs to the socket.
        const auto receiver = must(UdpSocket::bind(local_v4()));
        EXPECT_TRUE(blocks(other.send_to(bytes_of(text), address_of(receiver))));
    });
}
