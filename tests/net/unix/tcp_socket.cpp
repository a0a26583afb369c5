#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <arpa/inet.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstddef>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "posix.hpp"
#include "tcp.hpp"

using namespace test;

namespace {

// One socket per family, for properties of both.
std::array<TcpSocket, 2> sockets() { return {must(TcpSocket::v4()), must(TcpSocket::v6())}; }

TEST(TcpSocket, KeepsReusePortThatIsSet) {
    for (const auto& socket : sockets()) {
        EXPECT_FALSE(must(socket.reuse_port()));
        for (const bool on : {true, true, false, true}) {
            ASSERT_TRUE(ok(socket.set_reuse_port(on)));
            EXPECT_EQ(must(socket.reuse_port()), on);
            EXPECT_EQ(must(plain::option(socket.raw(), SOL_SOCKET, SO_REUSEPORT)) != 0, on);
            EXPECT_FALSE(must(socket.reuse_address())) << "reuse_address is a separate option";
        }
    }
}

TEST(TcpSocket, BufferSizesAreAtLeastTheRequestedSizes) {
    for (const auto& socket : sockets()) {
        for (const std::size_t size : {8192u, 65536u, 100'000u}) {
            ASSERT_TRUE(ok(socket.set_receive_buffer(size)));
            ASSERT_TRUE(ok(socket.set_send_buffer(size)));
            EXPECT_EQ(must(socket.receive_buffer()), 2 * size); // Linux doubles the size
            EXPECT_EQ(must(socket.send_buffer()), 2 * size);
        }
    }
}

TEST(TcpSocket, SetsEachBufferSizeIndependently) {
    const auto socket = must(TcpSocket::v4());
    ASSERT_TRUE(ok(socket.set_receive_buffer(10'000)));
    ASSERT_TRUE(ok(socket.set_send_buffer(20'000)));
    EXPECT_EQ(must(socket.receive_buffer()), 20'000u);
    EXPECT_EQ(must(socket.send_buffer()), 40'000u);
}

TEST(TcpSocket, SmallSendBufferHoldsLess) {
    const auto written_before_blocking = [](std::optional<std::size_t> size) {
        const auto listener = must(TcpSocket::v4());
        EXPECT_TRUE(ok(listener.set_receive_buffer(4096)));
        EXPECT_TRUE(ok(listener.bind(local_v4())));
        const auto address = must(listener.local_address());
        EXPECT_EQ(::listen(listener.raw(), 1), 0);
        auto socket = must(TcpSocket::v4());
        if (size) {
            EXPECT_TRUE(ok(socket.set_send_buffer(*size)));
        }
        const auto stream = must(std::move(socket).connect(address));
        plain::await(stream.raw(), POLLOUT);
        return fill(stream, pattern(65536));
    };
    EXPECT_LT(written_before_blocking(8192), 128u * 1024);
    EXPECT_GT(written_before_blocking(512u * 1024), 256u * 1024);
}

TEST(TcpSocket, PassesTheScopeToTheKernel) {
    // A link-local address requires a scope; this one is not assigned to this machine.
    const auto socket = must(TcpSocket::v6());
    const auto address = must(SocketAddress::parse("[fe80::dead:beef%lo]:0"));
    EXPECT_TRUE(fails_with(socket.bind({address.ip(), 0}), std::errc::invalid_argument));
    EXPECT_TRUE(fails_with(socket.bind(address), std::errc::address_not_available));
}

TEST(TcpSocket, ReusePortSharesAPort) {
    auto one = must(TcpSocket::v4());
    auto two = must(TcpSocket::v4());
    const auto alone = must(TcpSocket::v4());
    ASSERT_TRUE(ok(one.set_reuse_port(true)));
    ASSERT_TRUE(ok(two.set_reuse_port(true)));
    ASSERT_TRUE(ok(one.bind(local_v4())));
    const auto address = must(one.local_address());
    ASSERT_TRUE(ok(two.bind(address)));
    EXPECT_TRUE(fails_with(alone.bind(address), std::errc::address_in_use));
    const auto first = must(std::move(one).listen(128));
    const auto second = must(std::move(two).listen(128));
    EXPECT_EQ(must(first.local_address()), must(second.local_address()));

    // The kernel distributes connections between the two listeners: each gets some, and none is lost.
    constexpr int count = 100;
    std::vector<plain::Socket> peers;
    for (int i = 0; i < count; ++i) peers.push_back(plain::connect(address));
    int accepted[2] = {};
    while (accepted[0] + accepted[1] < count) {
        ::pollfd records[2] = {{first.raw(), POLLIN, 0}, {second.raw(), POLLIN, 0}};
        ASSERT_GT(::poll(records, 2, 10'000), 0);
        if (first.accept()) ++accepted[0];
        if (second.accept()) ++accepted[1];
    }
    EXPECT_GT(accepted[0], 0);
    EXPECT_GT(accepted[1], 0);
    EXPECT_TRUE(blocks(first.accept()));
    EXPECT_TRUE(blocks(second.accept()));
}

TEST(TcpSocket, CreationFailsWhenDescriptorsAreExhausted) {
    EXPECT_TRUE(holds_in_child([] {
        EXPECT_TRUE(
            fails_with(without_descriptors([] { return TcpSocket::v4(); }), std::errc::too_many_files_open));
        EXPECT_TRUE(
            fails_with(without_descriptors([] { return TcpSocket::v6(); }), std::errc::too_many_files_open));
    }));
}

TEST(TcpSocket, ListenWithoutBindChoosesAPort) {
    auto socket = must(TcpSocket::v4());
    const auto listener = must(std::move(socket).listen(1));
    EXPECT_NE(must(listener.local_address()).port(), 0);
}

TEST(TcpSocket, StaysUsableAfterListenFails) {
    // With SO_REUSEADDR two sockets can be bound to one address, but only one of them can listen.
    auto one = must(TcpSocket::v4());
    auto two = must(TcpSocket::v4());
    ASSERT_TRUE(ok(one.set_reuse_address(true)));
    ASSERT_TRUE(ok(two.set_reuse_address(true)));
    ASSERT_TRUE(ok(one.bind(local_v4())));
    const auto address = must(one.local_address());
    ASSERT_TRUE(ok(two.bind(address)));
    std::optional<TcpListener> listener = must(std::move(one).listen(1));
    const auto raw = two.raw();
    EXPECT_TRUE(fails_with(std::move(two).listen(1), std::errc::address_in_use));

    // The failed socket is unchanged, and listens once the other is closed.
    EXPECT_EQ(two.raw(), raw);
    EXPECT_EQ(must(two.local_address()), address);
    listener.reset();
    listener = must(std::move(two).listen(1));
    EXPECT_EQ(listener->raw(), raw);
    const auto peer = plain::connect(address);
}

TEST(TcpSocket, LingerIsRoundedUpToWholeSeconds) {
    using std::chrono::seconds;
    for (const auto& socket : sockets()) {
        const std::pair<std::chrono::milliseconds, seconds> cases[] = {
            {0ms, 0s},    {1ms, 1s},    {999ms, 1s}, {1000ms, 1s},
            {1001ms, 2s}, {1500ms, 2s}, {60s, 60s},  {seconds(INT_MAX / 2), seconds(INT_MAX / 2)},
        };
        for (const auto& [limit, expected] : cases) {
            ASSERT_TRUE(ok(socket.set_linger(limit))) << limit.count();
            EXPECT_EQ(must(socket.linger()), expected) << limit.count();
        }
        ASSERT_TRUE(ok(socket.set_linger(std::nullopt)));
        EXPECT_EQ(must(socket.linger()), std::nullopt) << "lingering is off again";
    }
}

TEST(TcpSocket, AcceptedStreamsInheritNodelay) {
    auto socket = must(TcpSocket::v4());
    ASSERT_TRUE(ok(socket.set_nodelay(true)));
    ASSERT_TRUE(ok(socket.bind(local_v4())));
    const auto listener = must(std::move(socket).listen(1));
    const auto peer = plain::connect(must(listener.local_address()));
    plain::await(listener.raw(), POLLIN);
    EXPECT_TRUE(must(must(listener.accept()).first.nodelay())); // on Linux
}

TEST(TcpSocket, ClampsBufferSizesToTheMinimum) {
    const auto socket = must(TcpSocket::v4());
    ASSERT_TRUE(ok(socket.set_receive_buffer(0)));
    ASSERT_TRUE(ok(socket.set_send_buffer(0)));
    EXPECT_GT(must(socket.receive_buffer()), 0u);
    EXPECT_GT(must(socket.send_buffer()), 0u);
}

TEST(TcpSocket, LocalAddressIsUnspecifiedBeforeBind) {
    EXPECT_EQ(must(must(TcpSocket::v4()).local_address()), SocketAddress(IpAddress::any_v4(), 0));
    EXPECT_EQ(must(must(TcpSocket::v6()).local_address()), SocketAddress(IpAddress::any_v6(), 0));
}

TEST(TcpSocket, OnlyV6LeavesThePortToIpv4) {
    // Both can bind the port. Another program may hold it, so try several times.
    for (int round = 0; round < 10; ++round) {
        const auto v4 = must(TcpSocket::v4());
        ASSERT_TRUE(ok(v4.bind({IpAddress::any_v4(), 0})));
        const SocketAddress same_port(IpAddress::any_v6(), must(v4.local_address()).port());

        const auto both = must(TcpSocket::v6());
        ASSERT_TRUE(ok(both.set_only_v6(false)));
        EXPECT_TRUE(fails_with(both.bind(same_port), std::errc::address_in_use));

        const auto v6 = must(TcpSocket::v6());
        ASSERT_TRUE(ok(v6.set_only_v6(true)));
        const auto bound = v6.bind(same_port);
        if (bound) return;
        ASSERT_TRUE(fails_with(bound, std::errc::address_in_use));
    }
    FAIL() << "no port is free for both";
}

// A listener with a full queue leaves a connection attempt pending until the client retries after a second.
TEST(TcpSocket, ReportsConnectAfterFinishConnectReturnedFalse) {
    auto listening = must(TcpSocket::v4());
    ASSERT_TRUE(ok(listening.bind(local_v4())));
    const auto listener = must(std::move(listening).listen(0));
    const auto address = must(listener.local_address());
    std::vector<TcpStream> waiting;
    const auto is_full = [&] {
        if (waiting.empty()) return false;
        ::pollfd record{.fd = waiting.back().raw(), .events = POLLOUT, .revents = 0};
        return ::poll(&record, 1, 50) == 0;
    };
    while (waiting.size() < 8 && !is_full()) waiting.push_back(must(TcpStream::connect(address)));
    if (!is_full()) GTEST_SKIP() << "the system queues more connections than requested";

    Loop loop;
    auto stream = TcpStream::from_raw(must(TcpSocket::v4()).release());
    ASSERT_TRUE(ok(loop.registry().add(stream, Token{1}, Interest::writable)));
    // Usually reported as closed first; it connects later.
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 0ns)));
    ::sockaddr_in native{};
    native.sin_family = AF_INET;
    native.sin_port = htons(address.port());
    native.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::connect(stream.raw(), reinterpret_cast<::sockaddr*>(&native), sizeof native), -1);
    ASSERT_EQ(errno, EINPROGRESS);
    ASSERT_FALSE(must(stream.finish_connect()));
    while (listener.accept()) {
    }
    std::jthread accepting([&](std::stop_token stop) {
        while (!stop.stop_requested()) {
            if (!listener.accept()) std::this_thread::sleep_for(1ms);
        }
    });
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 30s)));
    ASSERT_FALSE(loop.events.empty());
    EXPECT_TRUE(must(stream.finish_connect()));
}

} // namespace
