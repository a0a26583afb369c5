// Sending when there is no more room. Loopback takes datagrams out of the sender's buffer at once, so the buffer fills
// only on an Ethernet on which nobody answers.
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

/// A socket whose buffer holds some dozen datagrams.
UdpSocket narrow() {
    auto socket = must(UdpSocket::bind({IpAddress::v4(10, 9, 0, 1), 0}));
    set_raw_option(socket, SOL_SOCKET, SO_SNDBUF, 16'384);
    return socket;
}

std::vector<OutgoingDatagram> copies(std::size_t count, const SocketAddress& peer) {
    return std::vector<OutgoingDatagram>(count, {.bytes = bytes_of(text), .peer = peer});
}

/// How many datagrams that buffer holds.
std::size_t fill_one_by_one(const UdpSocket& socket) {
    for (std::size_t count = 0; count < 100'000; ++count) {
        const auto sent = socket.send_to(bytes_of(text), silent);
        if (sent) continue;
        EXPECT_TRUE(blocks(sent));
        return count;
    }
    ADD_FAILURE() << "it never fills";
    return 0;
}

} // namespace

TEST(AFullUdpSocket, WouldBlockAndTellsWhenThereIsRoom) {
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

TEST(AFullUdpSocket, TakesOfManyAsManyAsFit) {
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

TEST(AFullUdpSocket, IsOneOfABatchInTheMiddle) {
    in_own_network([](const Network&) {
        const auto socket = narrow();
        set_raw_option(socket, SOL_SOCKET, SO_SNDBUF, 65'536);
        const auto room = fill_one_by_one(socket);
        ASSERT_GT(room, 64u) << "or the second batch is not reached";
        const auto other = narrow();
        set_raw_option(other, SOL_SOCKET, SO_SNDBUF, 65'536);
        EXPECT_EQ(other.send_many(copies(room + 64, silent)), room);
        EXPECT_TRUE(blocks(other.send_many(copies(1, silent))));
        // Those who go elsewhere do not find room either: it is the socket's own.
        const auto receiver = must(UdpSocket::bind(local_v4()));
        EXPECT_TRUE(blocks(other.send_to(bytes_of(text), address_of(receiver))));
    });
}
