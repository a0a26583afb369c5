#include "sockets.hpp"

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "tcp.hpp"

using namespace test;

namespace {

static_assert(mio::Source<TcpListener>);
static_assert(std::is_nothrow_move_constructible_v<TcpListener>
              && std::is_nothrow_move_assignable_v<TcpListener>);
static_assert(!std::is_copy_constructible_v<TcpListener> && !std::is_copy_assignable_v<TcpListener>);
static_assert(!std::is_default_constructible_v<TcpListener>
              && !std::constructible_from<TcpListener, mio::RawHandle>);

constexpr Token first{0};
constexpr Token second{1};

// Accepts the pending connection and checks its addresses.
TcpStream accept_one(const TcpListener& listener) {
    auto accepted = must(listener.accept(), "accept");
    auto& [stream, peer] = accepted;
    EXPECT_TRUE(peer.ip().is_loopback());
    EXPECT_NE(peer.port(), 0);
    EXPECT_EQ(must(stream.peer_address()), peer);
    EXPECT_EQ(must(stream.local_address()), must(listener.local_address()));
    expect_non_blocking(stream.raw());
    EXPECT_TRUE(is_close_on_exec(stream.raw()));
    return std::move(stream);
}

// A whole session with `listener`, from connecting to the last event.
void expect_to_accept(const TcpListener& listener, Loop& loop, Token token) {
    // The client connects in its own thread and stays until the test is done.
    const auto address = must(listener.local_address());
    std::optional<plain::Socket> peer;
    std::jthread connecting([&] { peer = plain::connect(address); });
    loop.expect({{token, Readiness::readable}});
    connecting.join();

    const auto stream = accept_one(listener);
    EXPECT_EQ(must(stream.peer_address()), plain::address_of(*peer));
    std::array<std::byte, 20> buffer;
    EXPECT_TRUE(blocks(stream.read(buffer)));
    EXPECT_TRUE(blocks(listener.accept()));
    EXPECT_FALSE(must(listener.take_error()));
}

TEST(TcpListener, AcceptsAReportedConnection) {
    Loop loop;
    auto listener = must(TcpListener::bind(local_v4()));
    expect_non_blocking(listener.raw());
    EXPECT_TRUE(is_close_on_exec(listener.raw()));
    ASSERT_TRUE(ok(loop.registry().add(listener, first, Interest::readable)));
    expect_to_accept(listener, loop, first);
}

TEST(TcpListener, AcceptsAConnectionOverIpv6) {
    Loop loop;
    auto listener = must(TcpListener::bind(local_v6()));
    expect_non_blocking(listener.raw());
    EXPECT_TRUE(is_close_on_exec(listener.raw()));
    ASSERT_TRUE(ok(loop.registry().add(listener, first, Interest::readable)));
    expect_to_accept(listener, loop, first);
}

TEST(TcpListener, AdoptsAnExistingSocket) {
    Loop loop;
    auto made_elsewhere = plain::listen(local_v4());
    made_elsewhere.set_non_blocking();
    auto listener = TcpListener::from_raw(made_elsewhere.release());
    ASSERT_TRUE(ok(loop.registry().add(listener, first, Interest::readable)));
    expect_to_accept(listener, loop, first);
}

TEST(TcpListener, AdoptingAHandleDoesNotChangeIt) {
    auto blocking = plain::listen(local_v4());
    const auto listener = TcpListener::from_raw(blocking.release());
    expect_blocking(listener.raw());
}

TEST(TcpListener, AcceptedStreamsAreNonBlockingEvenIfTheListenerIsNot) {
    auto blocking = plain::listen(local_v4());
    const auto address = plain::address_of(blocking);
    const auto listener = TcpListener::from_raw(blocking.release());
    const auto peer = plain::connect(address);
    const auto stream = accept_one(listener);
    std::array<std::byte, 1> buffer;
    EXPECT_TRUE(blocks(stream.read(buffer)));
}

TEST(TcpListener, AcceptsWithoutBeingRegistered) {
    const auto listener = must(TcpListener::bind(local_v4()));
    EXPECT_TRUE(blocks(listener.accept()));
    const auto peer = plain::connect(must(listener.local_address()));
    plain::await(listener.raw(), POLLIN);
    accept_one(listener);
    EXPECT_TRUE(blocks(listener.accept()));
}

TEST(TcpListener, AcceptedStreamsTransferDataBothWays) {
    const auto listener = must(TcpListener::bind(local_v6()));
    const auto peer = plain::connect(must(listener.local_address()));
    plain::await(listener.raw(), POLLIN);
    const auto stream = accept_one(listener);

    ASSERT_EQ(must(stream.write(bytes_of("from the listener"))), 17u);
    EXPECT_EQ(plain::read_exactly(peer, 17), "from the listener");
    plain::write_all(peer, "to the listener");
    plain::await(stream.raw(), POLLIN);
    std::array<std::byte, 64> buffer;
    const auto got = must(stream.read(buffer));
    EXPECT_EQ(text_of(std::span(buffer).first(got)), "to the listener");
}

TEST(TcpListener, PortZeroChoosesAFreePort) {
    for (const auto& at : {local_v4(), local_v6()}) {
        const auto listener = must(TcpListener::bind(at));
        const auto address = must(listener.local_address());
        EXPECT_EQ(address.ip(), at.ip());
        EXPECT_NE(address.port(), 0);
    }
}

TEST(TcpListener, BindsToTheRequestedPort) {
    // Another program may take the free port in between, so try several times.
    for (int round = 0; round < 10; ++round) {
        const auto address = must(must(TcpListener::bind(local_v4())).local_address());
        const auto listener = TcpListener::bind(address);
        if (!listener) {
            ASSERT_EQ(listener.error(), std::errc::address_in_use);
            continue;
        }
        EXPECT_EQ(must(listener->local_address()), address);
        const auto peer = plain::connect(address);
        return;
    }
    FAIL() << "no free port";
}

TEST(TcpListener, BindFailsWhereAnotherListens) {
    const auto listener = must(TcpListener::bind(local_v4()));
    const DescriptorGuard guard;
    EXPECT_TRUE(fails_with(TcpListener::bind(must(listener.local_address())), std::errc::address_in_use));
}

TEST(TcpListener, BindFailsForANonLocalAddress) {
    const DescriptorGuard guard;
    // Documentation addresses, which no machine has (RFC 5737, RFC 3849).
    for (const auto* text : {"198.51.100.1:0", "203.0.113.1:0", "[2001:db8::1]:0"}) {
        EXPECT_TRUE(
            fails_with(TcpListener::bind(must(SocketAddress::parse(text))), std::errc::address_not_available))
            << text;
    }
}

TEST(TcpListener, KeepsTheTtlThatIsSet) {
    for (const auto& at : {local_v4(), local_v6()}) {
        const auto listener = must(TcpListener::bind(at));
        ASSERT_TRUE(ok(listener.set_ttl(10)));
        EXPECT_EQ(must(listener.ttl()), 10u);
        EXPECT_FALSE(must(listener.take_error()));
    }
}

TEST(TcpListener, HasADefaultTtl) {
    for (const auto& at : {local_v4(), local_v6()}) {
        const auto listener = must(TcpListener::bind(at));
        const auto hops = must(listener.ttl());
        EXPECT_GE(hops, 1u);
        EXPECT_LE(hops, 255u);
        EXPECT_FALSE(must(listener.take_error()));
    }
}

TEST(TcpListener, AcceptedStreamsInheritTtl) {
    for (const auto& at : {local_v4(), local_v6()}) {
        const auto listener = must(TcpListener::bind(at));
        ASSERT_TRUE(ok(listener.set_ttl(17)));
        const auto peer = plain::connect(must(listener.local_address()));
        plain::await(listener.raw(), POLLIN);
        EXPECT_EQ(must(accept_one(listener).ttl()), 17u);
    }
}

TEST(TcpListener, ReleaseAndAdoptKeepTheHandle) {
    auto listener = must(TcpListener::bind(local_v4()));
    const auto address = must(listener.local_address());
    const auto raw = listener.raw();
    EXPECT_EQ(listener.release(), raw);
    EXPECT_EQ(listener.raw(), mio::invalid_handle);

    const auto rebuilt = TcpListener::from_raw(raw);
    EXPECT_EQ(rebuilt.raw(), raw);
    EXPECT_EQ(must(rebuilt.local_address()), address);
}

TEST(TcpListener, DoesNotCloseAReleasedHandle) {
    mio::RawHandle raw = mio::invalid_handle;
    {
        auto listener = must(TcpListener::bind(local_v4()));
        raw = listener.release();
    }
    EXPECT_TRUE(is_open(raw));
    plain::Socket(raw).close();
}

TEST(TcpListener, IsClosedWhenItIsDestroyed) {
    SocketAddress address;
    {
        const DescriptorGuard guard;
        const auto listener = must(TcpListener::bind(local_v4()));
        address = must(listener.local_address());
    }
    // The port is free: a socket without address reuse can bind it.
    const auto socket = must(TcpSocket::v4());
    EXPECT_TRUE(ok(socket.bind(address)));
}

TEST(TcpListener, IsNotReadableWithoutConnections) {
    Loop loop;
    auto listener = must(TcpListener::bind(local_v4()));
    ASSERT_TRUE(ok(loop.registry().add(listener, first, Interest::readable)));
    loop.expect_none();
}

TEST(TcpListener, ModifyChangesTheToken) {
    Loop loop;
    auto listener = must(TcpListener::bind(local_v4()));
    ASSERT_TRUE(ok(loop.registry().add(listener, first, Interest::readable)));
    ASSERT_TRUE(ok(loop.registry().modify(listener, second, Interest::readable)));
    expect_to_accept(listener, loop, second);
}

TEST(TcpListener, RemovedListenerIsNotReportedAndStillAccepts) {
    Loop loop;
    auto listener = must(TcpListener::bind(local_v4()));
    ASSERT_TRUE(ok(loop.registry().add(listener, first, Interest::readable)));
    const auto peer = plain::connect(must(listener.local_address()));
    plain::await(listener.raw(), POLLIN);
    ASSERT_TRUE(ok(loop.registry().remove(listener)));
    loop.expect_none();

    accept_one(listener);
    EXPECT_TRUE(blocks(listener.accept()));
    EXPECT_FALSE(must(listener.take_error()));
}

TEST(TcpListener, ReportsTheNextConnectionAfterAccept) {
    Loop loop;
    auto listener = must(TcpListener::bind(local_v4()));
    const auto address = must(listener.local_address());
    const auto one = plain::connect(address);
    ASSERT_TRUE(ok(loop.registry().add(listener, first, Interest::readable)));
    loop.expect({{first, Readiness::readable}});
    const auto accepted_one = accept_one(listener);
    EXPECT_TRUE(blocks(listener.accept()));

    const auto two = plain::connect(address);
    loop.expect({{first, Readiness::readable}});
    const auto accepted_two = accept_one(listener);
    EXPECT_TRUE(blocks(listener.accept()));
    loop.expect_none();
}

TEST(TcpListener, AddReportsPendingConnections) {
    Loop loop;
    auto listener = must(TcpListener::bind(local_v4()));
    const auto peer = plain::connect(must(listener.local_address()));
    plain::await(listener.raw(), POLLIN);
    ASSERT_TRUE(ok(loop.registry().add(listener, first, Interest::readable)));
    loop.expect({{first, Readiness::readable}});
}

TEST(TcpListener, LevelTriggerReportsUntilAllConnectionsAreAccepted) {
    Loop loop;
    auto listener = must(TcpListener::bind(local_v4()));
    ASSERT_TRUE(ok(loop.registry().add(listener, first, Interest::readable, mio::Trigger::level)));
    const auto one = plain::connect(must(listener.local_address()));
    const auto two = plain::connect(must(listener.local_address()));
    for (int round = 0; round < 2; ++round) {
        loop.expect({{first, Readiness::readable}});
        loop.expect({{first, Readiness::readable}});
        const auto stream = accept_one(listener);
    }
    loop.expect_none();
}

TEST(TcpListener, AcceptsEachConnectionOnce) {
    const auto listener = must(TcpListener::bind(local_v4()));
    std::vector<plain::Socket> peers;
    std::set<SocketAddress> expected;
    for (int i = 0; i < 20; ++i) {
        peers.push_back(plain::connect(must(listener.local_address())));
        expected.insert(plain::address_of(peers.back()));
    }
    std::set<SocketAddress> accepted;
    for (int i = 0; i < 20; ++i) {
        plain::await(listener.raw(), POLLIN);
        accepted.insert(must(accept_one(listener).peer_address()));
    }
    EXPECT_EQ(accepted, expected);
    EXPECT_TRUE(blocks(listener.accept()));
}

TEST(TcpListener, AcceptsAConnectionClosedByItsPeer) {
    const auto listener = must(TcpListener::bind(local_v4()));
    {
        const auto peer = plain::connect(must(listener.local_address()));
        plain::write_all(peer, "bye");
    }
    plain::await(listener.raw(), POLLIN);
    const auto stream = must(listener.accept()).first;
    plain::await_end(stream.raw());
    EXPECT_EQ(drain(stream), "bye");
    std::array<std::byte, 1> buffer;
    EXPECT_EQ(must(stream.read(buffer)), 0u);
}

TEST(TcpListener, AcceptOnAClosedHandleFails) {
    auto closed = must(TcpListener::bind(local_v4()));
    const auto raw = closed.release();
    plain::Socket(raw).close();
    const auto listener = TcpListener::from_raw(mio::invalid_handle);
    EXPECT_TRUE(fails_with(listener.accept(), no_such_handle));
    EXPECT_TRUE(fails_with(listener.local_address(), no_such_handle));
    EXPECT_TRUE(fails_with(listener.ttl(), no_such_handle));
    EXPECT_TRUE(fails_with(listener.take_error(), no_such_handle));
    Loop loop;
    auto nothing = TcpListener::from_raw(mio::invalid_handle);
    EXPECT_TRUE(fails_with(loop.registry().add(nothing, first, Interest::readable), no_such_handle));
    EXPECT_TRUE(fails_with(loop.registry().remove(nothing), mio::Errc::not_registered))
        << "no error was reported";
}

} // namespace
