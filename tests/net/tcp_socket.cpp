#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <climits>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "tcp.hpp"

using namespace test;

namespace {

static_assert(mio::Source<TcpSocket>);
static_assert(std::is_nothrow_move_constructible_v<TcpSocket>
              && std::is_nothrow_move_assignable_v<TcpSocket>);
static_assert(!std::is_copy_constructible_v<TcpSocket> && !std::is_copy_assignable_v<TcpSocket>);
static_assert(!std::is_default_constructible_v<TcpSocket> && !std::constructible_from<TcpSocket, int>);

// Listening and connecting use the socket up, which the caller has to spell out.
template <class S>
concept CanListenAsLvalue = requires(S& socket) { socket.listen(1); };
template <class S>
concept CanConnectAsLvalue = requires(S& socket) { socket.connect(SocketAddress()); };
static_assert(!CanListenAsLvalue<TcpSocket> && !CanConnectAsLvalue<TcpSocket>);

// One of each family, for what both have.
std::array<TcpSocket, 2> sockets() { return {must(TcpSocket::v4()), must(TcpSocket::v6())}; }

int int_option(const TcpSocket& socket, int level, int name) {
    int value = -1;
    ::socklen_t length = sizeof value;
    EXPECT_EQ(::getsockopt(socket.raw(), level, name, &value, &length), 0);
    return value;
}

TEST(TcpSocket, IsNonBlockingAndNotInherited) {
    for (const auto& socket : sockets()) {
        EXPECT_TRUE(is_non_blocking(socket.raw()));
        EXPECT_TRUE(is_close_on_exec(socket.raw()));
        EXPECT_EQ(int_option(socket, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
        EXPECT_EQ(int_option(socket, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
    }
    EXPECT_EQ(int_option(must(TcpSocket::v4()), SOL_SOCKET, SO_DOMAIN), AF_INET);
    EXPECT_EQ(int_option(must(TcpSocket::v6()), SOL_SOCKET, SO_DOMAIN), AF_INET6);
}

TEST(TcpSocket, StaysNonBlockingAndNotInheritedAsListenerAndStream) {
    for (const auto& at : {local_v4(), local_v6()}) {
        auto socket = must(at.ip().is_v4() ? TcpSocket::v4() : TcpSocket::v6());
        ASSERT_TRUE(ok(socket.bind(at)));
        const auto listener = must(std::move(socket).listen(1));
        auto other = must(at.ip().is_v4() ? TcpSocket::v4() : TcpSocket::v6());
        const auto stream = must(std::move(other).connect(must(listener.local_address())));
        for (const auto raw : {listener.raw(), stream.raw()}) {
            EXPECT_TRUE(is_non_blocking(raw));
            EXPECT_TRUE(is_close_on_exec(raw));
        }
        EXPECT_EQ(socket.raw(), mio::invalid_handle) << "the listener has its handle";
        EXPECT_EQ(other.raw(), mio::invalid_handle) << "the stream has its handle";
    }
}

// Options that are on or off.

struct Flag {
    const char* name;
    mio::Result<> (TcpSocket::*set)(bool) const noexcept;
    mio::Result<bool> (TcpSocket::*get)() const noexcept;
    int level;
    int option;
};

constexpr Flag flags[] = {
    {"reuse_address", &TcpSocket::set_reuse_address, &TcpSocket::reuse_address, SOL_SOCKET, SO_REUSEADDR},
    {"reuse_port", &TcpSocket::set_reuse_port, &TcpSocket::reuse_port, SOL_SOCKET, SO_REUSEPORT},
    {"nodelay", &TcpSocket::set_nodelay, &TcpSocket::nodelay, IPPROTO_TCP, TCP_NODELAY},
    {"keepalive", &TcpSocket::set_keepalive, &TcpSocket::keepalive, SOL_SOCKET, SO_KEEPALIVE},
};

TEST(TcpSocket, HasItsFlagsOffUntilTheyAreSet) {
    for (const auto& flag : flags) {
        for (const auto& socket : sockets()) EXPECT_FALSE(must((socket.*flag.get)())) << flag.name;
    }
}

TEST(TcpSocket, KeepsItsFlagsAsTheyAreSet) {
    for (const auto& flag : flags) {
        for (const auto& socket : sockets()) {
            for (const bool on : {true, true, false, true}) {
                ASSERT_TRUE(ok((socket.*flag.set)(on))) << flag.name;
                EXPECT_EQ(must((socket.*flag.get)()), on) << flag.name;
                EXPECT_EQ(int_option(socket, flag.level, flag.option) != 0, on) << flag.name;
            }
        }
    }
}

TEST(TcpSocket, SetsNoFlagButTheOneThatIsMeant) {
    for (const auto& flag : flags) {
        const auto socket = must(TcpSocket::v6());
        ASSERT_TRUE(ok((socket.*flag.set)(true)));
        for (const auto& other : flags) {
            EXPECT_EQ(must((socket.*other.get)()), other.name == flag.name)
                << flag.name << " sets " << other.name;
        }
    }
}

// IPv6 only.

TEST(TcpSocket, KeepsOnlyV6AsItIsSet) {
    const auto socket = must(TcpSocket::v6());
    for (const bool on : {true, false, true}) {
        ASSERT_TRUE(ok(socket.set_only_v6(on)));
        EXPECT_EQ(must(socket.only_v6()), on);
        EXPECT_EQ(int_option(socket, IPPROTO_IPV6, IPV6_V6ONLY) != 0, on);
    }
}

TEST(TcpSocket, HasNoOnlyV6OnIpv4) {
    const auto socket = must(TcpSocket::v4());
    EXPECT_FALSE(socket.set_only_v6(true));
    EXPECT_FALSE(socket.set_only_v6(false));
    EXPECT_FALSE(socket.only_v6());
}

TEST(TcpSocket, CannotChangeOnlyV6OnceItIsBound) {
    const auto socket = must(TcpSocket::v6());
    ASSERT_TRUE(ok(socket.bind(local_v6())));
    EXPECT_TRUE(fails_with(socket.set_only_v6(true), std::errc::invalid_argument));
}

TEST(TcpSocket, TakesIpv4ConnectionsUnlessItIsForIpv6Only) {
    auto socket = must(TcpSocket::v6());
    ASSERT_TRUE(ok(socket.set_only_v6(false)));
    ASSERT_TRUE(ok(socket.bind({IpAddress::any_v6(), 0})));
    const auto listener = must(std::move(socket).listen(4));
    const auto port = must(listener.local_address()).port();
    const auto peer = plain::connect({IpAddress::loopback_v4(), port});
    plain::await(listener.raw(), POLLIN);
    const auto [stream, address] = must(listener.accept());
    EXPECT_EQ(address.ip().to_string(), "::ffff:127.0.0.1");
    EXPECT_EQ(must(stream.peer_address()), address);
}

TEST(TcpSocket, LeavesThePortToIpv4IfItIsForIpv6Only) {
    // Both may have the port. A third program may have it too, so try again a few times.
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
    FAIL() << "no port was free for both";
}

// Linger.

TEST(TcpSocket, DoesNotLingerUntilToldTo) {
    for (const auto& socket : sockets()) EXPECT_EQ(must(socket.linger()), std::nullopt);
}

TEST(TcpSocket, LingersForWholeSecondsRoundedUp) {
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
        EXPECT_EQ(must(socket.linger()), std::nullopt) << "and no longer";
    }
}

TEST(TcpSocket, RefusesToLingerForLessThanNothingOrLongerThanTheSystemCounts) {
    const auto socket = must(TcpSocket::v4());
    ASSERT_TRUE(ok(socket.set_linger(5s)));
    for (const auto limit :
         {-1ms, -999ms, -1000ms, -5000ms, std::chrono::milliseconds::min(),
          std::chrono::milliseconds(std::chrono::seconds(INT_MAX)) + 1ms,
          std::chrono::milliseconds(std::chrono::seconds(INT_MAX) + 1s),
          std::chrono::milliseconds(std::chrono::seconds(1ll << 32)), std::chrono::milliseconds::max()}) {
        EXPECT_TRUE(fails_with(socket.set_linger(limit), std::errc::invalid_argument)) << limit.count();
    }
    EXPECT_EQ(must(socket.linger()), 5s) << "what was refused changed nothing";
}

TEST(TcpSocket, ThatLingersForNoTimeResetsTheConnection) {
    const auto listener = plain::listen(local_v4());
    auto socket = must(TcpSocket::v4());
    ASSERT_TRUE(ok(socket.set_linger(0ms)));
    std::optional<TcpStream> stream = must(std::move(socket).connect(plain::address_of(listener)));
    const auto peer = plain::accept(listener);
    stream.reset();
    plain::await(peer.fd(), POLLHUP);
    char byte = 0;
    EXPECT_EQ(::recv(peer.fd(), &byte, 1, 0), -1);
    EXPECT_EQ(errno, ECONNRESET);
}

TEST(TcpSocket, ThatDoesNotLingerEndsTheConnectionInOrder) {
    const auto listener = plain::listen(local_v4());
    auto socket = must(TcpSocket::v4());
    ASSERT_TRUE(ok(socket.set_linger(0ms)));
    ASSERT_TRUE(ok(socket.set_linger(std::nullopt)));
    std::optional<TcpStream> stream = must(std::move(socket).connect(plain::address_of(listener)));
    const auto peer = plain::accept(listener);
    stream.reset();
    char byte = 0;
    EXPECT_EQ(::recv(peer.fd(), &byte, 1, 0), 0);
}

// Buffers.

TEST(TcpSocket, HasBuffersOfTheSizeWishedForOrMore) {
    for (const auto& socket : sockets()) {
        for (const std::size_t size : {8192u, 65536u, 100'000u}) {
            ASSERT_TRUE(ok(socket.set_receive_buffer(size)));
            ASSERT_TRUE(ok(socket.set_send_buffer(size)));
            EXPECT_EQ(must(socket.receive_buffer()), 2 * size); // as Linux has it
            EXPECT_EQ(must(socket.send_buffer()), 2 * size);
        }
    }
}

TEST(TcpSocket, KeepsTheTwoBuffersApart) {
    const auto socket = must(TcpSocket::v4());
    ASSERT_TRUE(ok(socket.set_receive_buffer(10'000)));
    ASSERT_TRUE(ok(socket.set_send_buffer(20'000)));
    EXPECT_EQ(must(socket.receive_buffer()), 20'000u);
    EXPECT_EQ(must(socket.send_buffer()), 40'000u);
}

TEST(TcpSocket, HasBuffersWithoutAWish) {
    for (const auto& socket : sockets()) {
        EXPECT_GE(must(socket.receive_buffer()), 1024u);
        EXPECT_GE(must(socket.send_buffer()), 1024u);
    }
}

TEST(TcpSocket, MakesTooSmallABufferTheSmallestThereIs) {
    const auto socket = must(TcpSocket::v4());
    ASSERT_TRUE(ok(socket.set_receive_buffer(0)));
    ASSERT_TRUE(ok(socket.set_send_buffer(0)));
    EXPECT_GT(must(socket.receive_buffer()), 0u);
    EXPECT_GT(must(socket.send_buffer()), 0u);
}

TEST(TcpSocket, RefusesBuffersLargerThanTheSystemCounts) {
    const auto socket = must(TcpSocket::v4());
    const auto before = must(socket.receive_buffer());
    for (const std::size_t size :
         {std::size_t{INT_MAX} + 1, std::size_t{1} << 32, (std::size_t{1} << 32) + 65536, SIZE_MAX}) {
        EXPECT_TRUE(fails_with(socket.set_receive_buffer(size), std::errc::invalid_argument)) << size;
        EXPECT_TRUE(fails_with(socket.set_send_buffer(size), std::errc::invalid_argument)) << size;
    }
    EXPECT_EQ(must(socket.receive_buffer()), before);
}

TEST(TcpSocket, WithASmallSendBufferHoldsLess) {
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

// Binding, listening, connecting.

TEST(TcpSocket, ListensWhereItIsBound) {
    for (const auto& at : {local_v4(), local_v6()}) {
        auto socket = must(at.ip().is_v4() ? TcpSocket::v4() : TcpSocket::v6());
        ASSERT_TRUE(ok(socket.bind(at)));
        const auto address = must(socket.local_address());
        EXPECT_EQ(address.ip(), at.ip());
        EXPECT_NE(address.port(), 0);
        const auto listener = must(std::move(socket).listen(16));
        EXPECT_EQ(must(listener.local_address()), address);

        const auto peer = plain::connect(address);
        plain::await(listener.raw(), POLLIN);
        EXPECT_EQ(must(listener.accept()).second, plain::address_of(peer));
    }
}

TEST(TcpSocket, IsNowhereBeforeItIsBound) {
    EXPECT_EQ(must(must(TcpSocket::v4()).local_address()), SocketAddress(IpAddress::any_v4(), 0));
    EXPECT_EQ(must(must(TcpSocket::v6()).local_address()), SocketAddress(IpAddress::any_v6(), 0));
}

TEST(TcpSocket, ListensWithoutBeingBoundAtAPortThatTheSystemChooses) {
    auto socket = must(TcpSocket::v4());
    const auto listener = must(std::move(socket).listen(1));
    EXPECT_NE(must(listener.local_address()).port(), 0);
}

TEST(TcpSocket, ListensWithTheBacklogItWasGiven) {
    for (const int backlog : {0, 1, 7, 100}) {
        auto socket = must(TcpSocket::v4());
        ASSERT_TRUE(ok(socket.bind(local_v4())));
        const auto listener = must(std::move(socket).listen(backlog));
        ::tcp_info info{};
        ::socklen_t length = sizeof info;
        ASSERT_EQ(::getsockopt(listener.raw(), IPPROTO_TCP, TCP_INFO, &info, &length), 0);
        EXPECT_EQ(info.tcpi_sacked, static_cast<unsigned>(backlog)); // where Linux puts it for a listener
    }
}

TEST(TcpSocket, ConnectsFromThePortItIsBoundTo) {
    for (const auto& at : {local_v4(), local_v6()}) {
        const auto listener = plain::listen(at);
        auto socket = must(at.ip().is_v4() ? TcpSocket::v4() : TcpSocket::v6());
        ASSERT_TRUE(ok(socket.bind(at)));
        const auto chosen = must(socket.local_address());
        const auto stream = must(std::move(socket).connect(plain::address_of(listener)));
        const auto peer = plain::accept(listener);
        EXPECT_TRUE(must(stream.finish_connect()));
        EXPECT_EQ(must(stream.local_address()), chosen);
        EXPECT_EQ(must(stream.peer_address()), plain::address_of(listener));
    }
}

TEST(TcpSocket, CannotBeBoundTwice) {
    const auto socket = must(TcpSocket::v4());
    ASSERT_TRUE(ok(socket.bind(local_v4())));
    const auto address = must(socket.local_address());
    EXPECT_TRUE(fails_with(socket.bind(local_v4()), std::errc::invalid_argument));
    EXPECT_EQ(must(socket.local_address()), address);
}

TEST(TcpSocket, CannotBeBoundToAnAddressOfTheOtherFamily) {
    EXPECT_FALSE(must(TcpSocket::v4()).bind(local_v6()));
    EXPECT_FALSE(must(TcpSocket::v6()).bind(local_v4()));
}

TEST(TcpSocket, TakesTheScopeOfAnAddressToTheKernel) {
    // A link-local address means nothing without a scope; with one it is an address that this machine does not have.
    const auto socket = must(TcpSocket::v6());
    const auto address = must(SocketAddress::parse("[fe80::dead:beef%lo]:0"));
    EXPECT_TRUE(fails_with(socket.bind({address.ip(), 0}), std::errc::invalid_argument));
    EXPECT_TRUE(fails_with(socket.bind(address), std::errc::address_not_available));
}

TEST(TcpSocket, TakesTheFlowOfAnAddressToTheKernelAndBack) {
    const auto listener = plain::listen(local_v6());
    const auto port = plain::address_of(listener).port();
    auto socket = must(TcpSocket::v6());
    const int on = 1;
    ASSERT_EQ(::setsockopt(socket.raw(), IPPROTO_IPV6, 33 /* IPV6_FLOWINFO_SEND */, &on, sizeof on), 0);
    const auto stream = must(std::move(socket).connect({IpAddress::loopback_v6(), port, 0xf143'4567}));
    // The kernel drops the highest four bits, which shows in what order it was given the bytes.
    EXPECT_EQ(must(stream.peer_address()), SocketAddress(IpAddress::loopback_v6(), port, 0x0143'4567));
}

TEST(TcpSocket, CannotConnectToAnAddressOfTheOtherFamily) {
    const DescriptorGuard guard;
    auto v4 = must(TcpSocket::v4());
    EXPECT_FALSE(std::move(v4).connect({IpAddress::loopback_v6(), 80}));
}

TEST(TcpSocket, SharesAPortIfAllWantTo) {
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

    // The kernel spreads connections among the two: each gets some, and none is lost.
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

TEST(TcpSocket, SharesNoPortUnlessToldTo) {
    const auto one = must(TcpSocket::v4());
    ASSERT_TRUE(ok(one.bind(local_v4())));
    const auto two = must(TcpSocket::v4());
    EXPECT_TRUE(fails_with(two.bind(must(one.local_address())), std::errc::address_in_use));
}

TEST(TcpSocket, CanBeUsedAfterListeningFailed) {
    // Two sockets may be bound to one address if both say so, but only one of them can listen.
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

    // The failed one is as it was, and listens once it can.
    EXPECT_EQ(two.raw(), raw);
    EXPECT_EQ(must(two.local_address()), address);
    listener.reset();
    listener = must(std::move(two).listen(1));
    EXPECT_EQ(listener->raw(), raw);
    const auto peer = plain::connect(address);
}

TEST(TcpSocket, CanBeUsedAfterConnectingFailed) {
    const auto listener = plain::listen(local_v4());
    auto socket = must(TcpSocket::v4());
    const auto raw = socket.raw();
    EXPECT_FALSE(std::move(socket).connect(must(SocketAddress::parse("255.255.255.255:80"))));
    EXPECT_EQ(socket.raw(), raw);
    const auto stream = must(std::move(socket).connect(plain::address_of(listener)));
    const auto peer = plain::accept(listener);
    EXPECT_TRUE(must(stream.finish_connect()));
}

TEST(TcpSocket, HandsItsOptionsToWhatItBecomes) {
    const auto peer_listener = plain::listen(local_v4());
    auto socket = must(TcpSocket::v4());
    ASSERT_TRUE(ok(socket.set_nodelay(true)));
    const auto stream = must(std::move(socket).connect(plain::address_of(peer_listener)));
    EXPECT_TRUE(must(stream.nodelay()));

    auto other = must(TcpSocket::v4());
    ASSERT_TRUE(ok(other.set_nodelay(true)));
    ASSERT_TRUE(ok(other.bind(local_v4())));
    const auto listener = must(std::move(other).listen(1));
    const auto peer = plain::connect(must(listener.local_address()));
    plain::await(listener.raw(), POLLIN);
    EXPECT_TRUE(must(must(listener.accept()).first.nodelay())); // as Linux has it
}

TEST(TcpSocket, HandsItsRegistrationToTheStreamThatItBecomes) {
    Loop loop;
    const auto listener = plain::listen(local_v4());
    auto socket = must(TcpSocket::v4());
    ASSERT_TRUE(ok(loop.registry().add(socket, Token{1}, Interest::readable)));
    auto stream = must(std::move(socket).connect(plain::address_of(listener)));
    EXPECT_TRUE(fails_with(loop.registry().add(stream, Token{2}, read_write), mio::Errc::already_registered));
    ASSERT_TRUE(ok(loop.registry().modify(stream, Token{2}, read_write)));
    loop.expect({{Token{2}, Readiness::writable}});
    ASSERT_TRUE(ok(loop.registry().remove(stream)));
    ASSERT_TRUE(ok(loop.registry().add(stream, Token{3}, read_write)));
    loop.expect({{Token{3}, Readiness::writable}});
}

TEST(TcpSocket, HandsItsRegistrationToTheListenerThatItBecomes) {
    Loop loop;
    auto socket = must(TcpSocket::v4());
    ASSERT_TRUE(ok(socket.bind(local_v4())));
    ASSERT_TRUE(ok(loop.registry().add(socket, Token{1}, Interest::readable)));
    auto listener = must(std::move(socket).listen(8));
    const auto first = plain::connect(must(listener.local_address()));
    loop.expect({{Token{1}, Readiness::readable}});
    ASSERT_TRUE(ok(listener.accept()));
    ASSERT_TRUE(blocks(listener.accept()));
    ASSERT_TRUE(ok(loop.registry().modify(listener, Token{2}, Interest::readable)));
    const auto second = plain::connect(must(listener.local_address()));
    loop.expect({{Token{2}, Readiness::readable}});
    ASSERT_TRUE(ok(loop.registry().remove(listener)));
}

TEST(TcpSocket, StaysRegisteredWhenItCouldNotConnect) {
    Loop loop;
    auto socket = must(TcpSocket::v4());
    ASSERT_TRUE(ok(loop.registry().add(socket, Token{1}, read_write)));
    EXPECT_TRUE(fails_with(std::move(socket).connect(local_v6()), std::errc::address_family_not_supported));
    EXPECT_TRUE(ok(loop.registry().modify(socket, Token{2}, read_write)));
    EXPECT_TRUE(ok(loop.registry().remove(socket)));
}

TEST(TcpSocket, TakesAHandleAsItIsAndGivesItBack) {
    auto blocking = plain::listen(local_v4());
    const auto raw = blocking.fd();
    auto socket = TcpSocket::from_raw(blocking.release());
    EXPECT_EQ(socket.raw(), raw);
    EXPECT_FALSE(is_non_blocking(raw));
    EXPECT_EQ(socket.release(), raw);
    EXPECT_EQ(socket.raw(), mio::invalid_handle);
    const plain::Socket closer(raw);
}

TEST(TcpSocket, HasNoErrorPendingAtFirst) {
    for (const auto& socket : sockets()) EXPECT_FALSE(must(socket.take_error()));
}

TEST(TcpSocket, IsNotMadeWhenDescriptorsAreExhausted) {
    EXPECT_TRUE(holds_in_child([] {
        EXPECT_TRUE(
            fails_with(without_descriptors([] { return TcpSocket::v4(); }), std::errc::too_many_files_open));
        EXPECT_TRUE(
            fails_with(without_descriptors([] { return TcpSocket::v6(); }), std::errc::too_many_files_open));
    }));
}

TEST(TcpSocket, WithoutAHandleFailsAtEverything) {
    const auto nothing = TcpSocket::from_raw(mio::invalid_handle);
    for (const auto& flag : flags) {
        EXPECT_TRUE(fails_with((nothing.*flag.set)(true), std::errc::bad_file_descriptor)) << flag.name;
        EXPECT_TRUE(fails_with((nothing.*flag.get)(), std::errc::bad_file_descriptor)) << flag.name;
    }
    EXPECT_TRUE(fails_with(nothing.set_only_v6(true), std::errc::bad_file_descriptor));
    EXPECT_TRUE(fails_with(nothing.only_v6(), std::errc::bad_file_descriptor));
    EXPECT_TRUE(fails_with(nothing.set_linger(1s), std::errc::bad_file_descriptor));
    EXPECT_TRUE(fails_with(nothing.linger(), std::errc::bad_file_descriptor));
    EXPECT_TRUE(fails_with(nothing.set_receive_buffer(1), std::errc::bad_file_descriptor));
    EXPECT_TRUE(fails_with(nothing.receive_buffer(), std::errc::bad_file_descriptor));
    EXPECT_TRUE(fails_with(nothing.set_send_buffer(1), std::errc::bad_file_descriptor));
    EXPECT_TRUE(fails_with(nothing.send_buffer(), std::errc::bad_file_descriptor));
    EXPECT_TRUE(fails_with(nothing.bind(local_v4()), std::errc::bad_file_descriptor));
    EXPECT_TRUE(fails_with(nothing.local_address(), std::errc::bad_file_descriptor));
    EXPECT_TRUE(
        fails_with(TcpSocket::from_raw(mio::invalid_handle).listen(1), std::errc::bad_file_descriptor));
    EXPECT_TRUE(fails_with(TcpSocket::from_raw(mio::invalid_handle).connect(local_v4()),
                           std::errc::bad_file_descriptor));
}

} // namespace
