#include "sockets.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <utility>

#include "tcp.hpp"

using namespace test;

namespace {

constexpr Token server_token{0};
constexpr Token client_token{1};

TEST(CloseOnDrop, PeerOfADestroyedStreamReadsEndOfStream) {
    mio::Poll poll = must(mio::Poll::create());
    mio::Events events(1024);
    auto listener = must(TcpListener::bind(local_v4()));
    ASSERT_TRUE(ok(poll.registry().add(listener, server_token, Interest::readable)));
    auto client = must(TcpStream::connect(must(listener.local_address())));
    ASSERT_TRUE(ok(poll.registry().add(client, client_token, Interest::writable)));

    bool read_the_end = false;
    while (!read_the_end) {
        ASSERT_TRUE(ok(poll.poll(events, generous_margin)));
        ASSERT_FALSE(events.empty()) << "the end was not reported";
        for (const auto& event : events) {
            if (event.is_readable() && event.token() == server_token) {
                // Accept the connection and destroy it at once.
                ASSERT_TRUE(ok(listener.accept()));
            } else if (event.is_readable()) {
                ASSERT_EQ(event.token(), client_token);
                std::array<std::byte, 4096> buffer;
                EXPECT_EQ(must(client.read(buffer), "read"), 0u);
                EXPECT_EQ(must(client.read(buffer), "read again"), 0u);
                read_the_end = true;
            }
            if (event.is_writable()) {
                ASSERT_EQ(event.token(), client_token) << "writable event from the listener";
                ASSERT_TRUE(ok(poll.registry().modify(client, client_token, Interest::readable)));
            }
        }
    }
}

TEST(CloseOnDrop, AssignmentClosesTheOldHandle) {
    auto first = plain_pair();
    auto second = plain_pair();
    first.stream = std::move(second.stream);
    EXPECT_EQ(plain::read_exactly(first.peer, 1), "") << "the old connection is closed";
    ASSERT_EQ(must(first.stream.write(bytes_of("x"))), 1u);
    EXPECT_EQ(plain::read_exactly(second.peer, 1), "x") << "it holds the new connection";
}

TEST(CloseOnDrop, DestroyedListenerResetsPendingConnections) {
    if (is_wine()) GTEST_SKIP() << "Wine reports a failed or reset connection as end of stream";
    SocketAddress address;
    plain::Socket waiting;
    {
        const auto listener = must(TcpListener::bind(local_v4()));
        address = must(listener.local_address());
        waiting = plain::connect(address);
    }
    char byte = 0;
    EXPECT_TRUE(fails_with(plain::receive(waiting.fd(), &byte, 1), std::errc::connection_reset));
}

} // namespace
