// Failing operations leak no descriptor, and every owner closes its descriptor exactly once.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <system_error>
#include <utility>
#include <vector>

#include "posix.hpp"
#include "tcp.hpp"

using namespace test;

namespace {

TEST(Descriptors, FailedConnectLeaksNone) {
    const DescriptorGuard guard;
    for (const char* text :
         {"255.255.255.255:80", "224.0.0.1:80", "239.255.255.255:0", "[ff02::1]:80", "[fe80::1]:80"}) {
        EXPECT_FALSE(TcpStream::connect(must(SocketAddress::parse(text)))) << text;
    }
}

TEST(Descriptors, RefusedConnectionLeaksNone) {
    const DescriptorGuard guard;
    const auto refusing = refusing_port();
    for (int round = 0; round < 10; ++round) {
        const auto stream = refused_stream(refusing);
        EXPECT_FALSE(stream.finish_connect());
    }
}

TEST(Descriptors, FailedBindLeaksNone) {
    const DescriptorGuard guard;
    const auto listener = must(TcpListener::bind(local_v4()));
    const auto taken = must(listener.local_address());
    for (const auto& at :
         {taken, must(SocketAddress::parse("198.51.100.1:0")), must(SocketAddress::parse("[2001:db8::1]:0")),
          must(SocketAddress::parse("[fe80::1]:0"))}) {
        EXPECT_FALSE(TcpListener::bind(at)) << at.to_string();
        EXPECT_FALSE(must(at.ip().is_v4() ? TcpSocket::v4() : TcpSocket::v6()).bind(at)) << at.to_string();
    }
}

TEST(Descriptors, FailedListenLeaksNone) {
    const DescriptorGuard guard;
    auto one = must(TcpSocket::v4());
    auto two = must(TcpSocket::v4());
    ASSERT_TRUE(ok(one.set_reuse_address(true)));
    ASSERT_TRUE(ok(two.set_reuse_address(true)));
    ASSERT_TRUE(ok(one.bind(local_v4())));
    ASSERT_TRUE(ok(two.bind(must(one.local_address()))));
    const auto listener = must(std::move(one).listen(1));
    EXPECT_FALSE(std::move(two).listen(1));
}

TEST(Descriptors, ExhaustionLeaksNone) {
    EXPECT_TRUE(holds_in_child([] {
        const auto listener = must(TcpListener::bind(local_v4()));
        const auto address = must(listener.local_address());
        const auto waiting = plain::connect(address);
        const DescriptorGuard guard;
        int failures = 0;
        {
            const auto held = exhaust_descriptors(0);
            for (int round = 0; round < 100; ++round) {
                if (!TcpSocket::v4()) ++failures;
                if (!TcpSocket::v6()) ++failures;
                if (!TcpListener::bind(local_v4())) ++failures;
                if (!TcpStream::connect(address)) ++failures;
                if (!listener.accept()) ++failures;
            }
        }
        EXPECT_EQ(failures, 500);

        // With one free descriptor each operation succeeds, repeatedly.
        int successes = 0;
        {
            const auto held = exhaust_descriptors(1);
            for (int round = 0; round < 100; ++round) {
                if (TcpSocket::v6()) ++successes;
                if (TcpListener::bind(local_v4())) ++successes;
            }
            if (listener.accept()) ++successes;
        }
        EXPECT_EQ(successes, 201);
    }));
}

TEST(Descriptors, TenThousandSocketsLeakNone) {
    const DescriptorGuard guard;
    Loop loop;
    const auto expected = must(TcpSocket::v4()).raw();
    for (int round = 0; round < 10'000; ++round) {
        auto socket = must(round % 2 == 0 ? TcpSocket::v4() : TcpSocket::v6());
        // The number is reused: the previous descriptor is closed and no other was leaked.
        ASSERT_EQ(socket.raw(), expected) << round;
        ASSERT_TRUE(ok(loop.registry().add(socket, Token{static_cast<std::size_t>(round)}, read_write)));
        if (round % 3 == 0) {
            ASSERT_TRUE(ok(loop.registry().remove(socket)));
        }
    }
    loop.expect_none();
}

TEST(Descriptors, TenThousandConnectionsLeakNone) {
    const DescriptorGuard guard;
    Loop loop;
    auto listener = must(TcpListener::bind(local_v4()));
    const auto address = must(listener.local_address());
    std::optional<std::pair<int, int>> expected;
    for (int round = 0; round < 10'000; ++round) {
        auto socket = must(TcpSocket::v4());
        ASSERT_TRUE(ok(socket.set_linger(0ms))); // leaves no connection in TIME_WAIT
        auto client = must(std::move(socket).connect(address), "connect");
        ASSERT_NE(plain::await(listener.raw(), POLLIN), 0);
        auto server = must(listener.accept(), "accept").first;
        if (!expected) expected.emplace(client.raw(), server.raw());
        ASSERT_EQ(std::pair(client.raw(), server.raw()), *expected) << round;

        ASSERT_TRUE(ok(loop.registry().add(client, Token{1}, read_write)));
        ASSERT_TRUE(ok(loop.registry().add(server, Token{2}, read_write)));
        ASSERT_EQ(must(client.write(bytes_of("ping"))), 4u);
        std::array<std::byte, 8> buffer;
        ASSERT_NE(plain::await(server.raw(), POLLIN), 0);
        ASSERT_EQ(must(server.read(buffer)), 4u);
    }
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 0ns)));
    EXPECT_TRUE(loop.events.empty()) << "event of a destroyed stream";
}

TEST(Descriptors, AreClosedOnce) {
    const DescriptorGuard guard;
    auto [stream, peer] = plain_pair();
    const int number = stream.raw();
    {
        const TcpStream moved = std::move(stream);
    }
    // Another file reuses the number. Destroying or assigning to the moved-from object must not close it.
    const plain::Socket other(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, number));
    ASSERT_EQ(other.fd(), number);
    {
        const TcpStream moved = std::move(stream);
    }
    stream = TcpStream::from_raw(mio::invalid_handle);
    EXPECT_NE(::fcntl(number, F_GETFD), -1);
}

} // namespace
