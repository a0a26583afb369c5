#include "sockets.hpp"

#include <array>
#include <cstddef>
#include <system_error>
#include <type_traits>
#include <utility>

#include "udp.hpp"

using namespace test;

static_assert(std::is_nothrow_move_constructible_v<UdpSocket>
              && std::is_nothrow_move_assignable_v<UdpSocket>);
static_assert(!std::is_copy_constructible_v<UdpSocket> && !std::is_copy_assignable_v<UdpSocket>);
static_assert(!std::is_default_constructible_v<UdpSocket>
              && !std::is_constructible_v<UdpSocket, mio::RawHandle>);
static_assert(mio::Source<UdpSocket>);
static_assert(sizeof(UdpSocket) <= 16);

namespace {

class UdpSocketTest : public OnEachFamily {};
INSTANTIATE_TEST_SUITE_P(, UdpSocketTest, both_families, family_name);

} // namespace

TEST_P(UdpSocketTest, IsNonBlockingAndNotInherited) {
    for (const auto& socket : {bound(), unbound()}) {
        expect_non_blocking(socket.raw());
        EXPECT_TRUE(is_close_on_exec(socket.raw()));
    }
}

TEST_P(UdpSocketTest, PortZeroChoosesAFreePort) {
    const auto s1 = bound();
    const auto s2 = bound();
    EXPECT_EQ(address_of(s1).ip(), GetParam().ip());
    EXPECT_NE(address_of(s1).port(), 0);
    EXPECT_NE(address_of(s1).port(), address_of(s2).port());
    EXPECT_EQ(must(s1.take_error()), std::error_code());
}

TEST_P(UdpSocketTest, CanBeBoundAfterCreation) {
    const auto socket = unbound();
    ASSERT_TRUE(ok(socket.bind_to(GetParam())));
    EXPECT_NE(address_of(socket).port(), 0);
    EXPECT_TRUE(fails_with(socket.bind_to(GetParam()), std::errc::invalid_argument)) << "second bind";
    const auto sender = bound();
    send_text(sender, data1, address_of(socket));
    EXPECT_EQ(next_text(socket), data1);
}

TEST_P(UdpSocketTest, BindsToTheReportedPort) {
    SocketAddress address;
    {
        const auto socket = bound();
        address = address_of(socket);
        DescriptorGuard guard;
        EXPECT_TRUE(fails_with(UdpSocket::bind(address), std::errc::address_in_use));
    }
    // The port is free again. (If another process is quicker, it is in use.)
    const auto again = UdpSocket::bind(address);
    if (again)
        EXPECT_EQ(address_of(*again), address);
    else
        EXPECT_TRUE(fails_with(again, std::errc::address_in_use));
}

TEST_P(UdpSocketTest, FailedBindLeaksNothing) {
    if (is_wine()) GTEST_SKIP() << "Wine binds to an address that this machine does not have";
    DescriptorGuard guard;
    // Documentation addresses, which no machine has.
    const auto elsewhere = must(IpAddress::parse(GetParam().ip().is_v4() ? "203.0.113.1" : "2001:db8::1"));
    EXPECT_TRUE(fails_with(UdpSocket::bind({elsewhere, 0}), std::errc::address_not_available));
}

TEST_P(UdpSocketTest, ReleaseAndAdoptKeepTheHandle) {
    DescriptorGuard guard;
    auto socket = bound();
    const auto address = address_of(socket);
    const auto fd = socket.raw();
    EXPECT_EQ(socket.release(), fd);
    EXPECT_EQ(socket.raw(), mio::invalid_handle);
    EXPECT_TRUE(is_open(fd));
    const auto again = UdpSocket::from_raw(fd);
    EXPECT_EQ(again.raw(), fd);
    EXPECT_EQ(address_of(again), address);
}

TEST_P(UdpSocketTest, ClosesItsHandle) {
    DescriptorGuard guard;
    mio::RawHandle fd = mio::invalid_handle;
    {
        const auto socket = bound();
        fd = socket.raw();
        EXPECT_TRUE(is_open(fd));
    }
    EXPECT_FALSE(is_open(fd));
}

TEST_P(UdpSocketTest, MoveTransfersTheHandle) {
    DescriptorGuard guard;
    auto s1 = bound();
    auto s2 = bound();
    const auto fd1 = s1.raw();
    const auto fd2 = s2.raw();
    s1 = std::move(s2);
    EXPECT_EQ(s1.raw(), fd2);
    EXPECT_FALSE(is_open(fd1));
    const auto s3 = std::move(s1);
    EXPECT_EQ(s3.raw(), fd2);
    EXPECT_TRUE(is_open(fd2));
}

TEST_P(UdpSocketTest, StaysRegisteredWhenMoved) {
    auto socket = bound();
    const auto sender = bound();
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(socket, id1, Interest::readable)));
    auto moved = std::move(socket);
    send_text(sender, data1, address_of(moved));
    loop.expect({{id1, Interest::readable}});
    ASSERT_TRUE(ok(loop.registry().modify(moved, id2, Interest::readable)));
    loop.expect({{id2, Interest::readable}});
    ASSERT_TRUE(ok(loop.registry().remove(moved)));
}

TEST_P(UdpSocketTest, DestroyedSocketIsNotReported) {
    Loop loop;
    const auto sender = bound();
    {
        auto socket = bound();
        ASSERT_TRUE(ok(loop.registry().add(socket, id1, Interest::readable)));
        send_text(sender, data1, address_of(socket));
        await(socket, POLLIN);
    }
    loop.expect_none();
}

TEST_P(UdpSocketTest, EveryCallFailsAfterRelease) {
    auto socket = bound();
    const auto released = UdpSocket::from_raw(socket.release());
    std::array<std::byte, 8> buffer;
    ReceiveBuffers buffers(1);
    const auto bad = no_such_handle;
    EXPECT_TRUE(fails_with(socket.send(bytes_of(data1)), bad));
    EXPECT_TRUE(fails_with(socket.send_to(bytes_of(data1), GetParam()), bad));
    EXPECT_TRUE(fails_with(socket.receive(buffer), bad));
    EXPECT_TRUE(fails_with(socket.receive_from(buffer), bad));
    EXPECT_TRUE(fails_with(socket.peek(buffer), bad));
    EXPECT_TRUE(fails_with(socket.peek_from(buffer), bad));
    EXPECT_TRUE(fails_with(socket.send_many(NumberedDatagrams(1).all()), bad));
    EXPECT_TRUE(fails_with(socket.receive_many(buffers.all()), bad));
    EXPECT_TRUE(fails_with(socket.bind_to(GetParam()), bad));
    EXPECT_TRUE(fails_with(socket.connect(GetParam()), bad));
    EXPECT_TRUE(fails_with(socket.local_address(), bad));
    EXPECT_TRUE(fails_with(socket.peer_address(), bad));
    EXPECT_TRUE(fails_with(socket.take_error(), bad));
    EXPECT_TRUE(fails_with(socket.ttl(), bad));
    EXPECT_TRUE(fails_with(socket.set_ttl(1), bad));
    EXPECT_TRUE(fails_with(socket.multicast_ttl_v4(), bad));
    EXPECT_TRUE(fails_with(socket.multicast_loop_v4(), bad));
    // Where the option does not exist, the error does not depend on the family.
    const auto segment_size = socket.segment_size();
    EXPECT_TRUE(fails_with(segment_size, bad) || fails_with(segment_size, mio::Errc::unsupported));
}

TEST_P(UdpSocketTest, ThousandsOfSocketsLeakNothing) {
    Loop loop;
    const auto receiver = bound();
    const auto play = [&](int round) {
        std::array<std::byte, 8> buffer;
        auto socket = bound();
        ASSERT_TRUE(ok(loop.registry().add(socket, id1, read_write)));
        if (round % 2 == 0) {
            ASSERT_TRUE(ok(socket.connect(address_of(receiver))));
        }
        ASSERT_TRUE(ok(socket.send_to(bytes_of("x"), address_of(receiver))));
        await(receiver, POLLIN);
        ASSERT_EQ(must(receiver.receive_from(buffer)).second, address_of(socket));
        if (round % 3 == 0) {
            ASSERT_TRUE(ok(loop.registry().remove(socket)));
        }
        if (round % 5 == 0) plain::Socket(socket.release()).close();
    };
    const int rounds = is_wine() ? 1'000 : 10'000; // windows/rounds runs as many there
    play(0);                                       // a backend may keep what it opens for the first one
    {
        const DescriptorGuard guard;
        for (int round = 1; round < rounds; ++round) ASSERT_NO_FATAL_FAILURE(play(round));
    }
    loop.expect_none();
}
