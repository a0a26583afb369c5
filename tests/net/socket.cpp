// Sockets of any family, as far as every system has the family: IP.
#include "sockets.hpp"

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "tcp.hpp"

using namespace test;
using mio::Errc;
using mio::net::RawAddress;
using mio::net::Socket;

namespace {

static_assert(mio::Source<Socket>);
static_assert(std::is_nothrow_move_constructible_v<Socket> && std::is_nothrow_move_assignable_v<Socket>);
static_assert(!std::is_copy_constructible_v<Socket> && !std::constructible_from<Socket, mio::RawHandle>);
static_assert(std::regular<RawAddress> && std::convertible_to<SocketAddress, RawAddress>);

// An address can be a structure of the system's, but neither a pointer to one, nor a view, nor another class.
template <class T>
concept AddressStructure = requires(const T& native) { RawAddress::of(native); };
static_assert(AddressStructure<::sockaddr_in> && AddressStructure<::sockaddr_in6>
              && AddressStructure<::sockaddr_storage>);
static_assert(!AddressStructure<::sockaddr*> && !AddressStructure<const ::sockaddr_in*>
              && !AddressStructure<std::nullptr_t> && !AddressStructure<int>
              && !AddressStructure<SocketAddress> && !AddressStructure<IpAddress>
              && !AddressStructure<mio::net::UnixAddress> && !AddressStructure<RawAddress>
              && !AddressStructure<std::span<const std::uint8_t>>
              && !AddressStructure<std::array<std::uint8_t, 16>> && !AddressStructure<char[16]>);
template <class T>
concept ReadableAs = requires(const RawAddress& address) { address.as<T>(); };
static_assert(ReadableAs<::sockaddr_in> && !ReadableAs<const ::sockaddr*> && !ReadableAs<SocketAddress>
              && !ReadableAs<mio::net::UnixAddress>);

int family_of(const SocketAddress& address) { return address.ip().is_v4() ? AF_INET : AF_INET6; }

SocketAddress ip_address_of(const Socket& socket) {
    return must(must(socket.local_address(), "local_address").to_ip());
}

Socket listener_at(const SocketAddress& at) {
    auto socket = must(Socket::open(family_of(at), SOCK_STREAM));
    must(socket.bind(at));
    must(socket.listen(4));
    return socket;
}

std::string read_text(const Socket& socket) {
    plain::await(socket.raw(), POLLIN);
    std::array<std::byte, 64> buffer;
    const auto count = socket.read(buffer);
    return count ? std::string(text_of(std::span(buffer).first(*count))) : count.error().message();
}

TEST(RawAddress, HasTheBytesOfTheSystemsStructure) {
    ::sockaddr_in native{};
    native.sin_family = AF_INET;
    native.sin_port = htons(0x1234);
    native.sin_addr.s_addr = htonl(0x7f00'0001);
    const auto address = RawAddress::of(native);
    EXPECT_EQ(address.family(), AF_INET);
    EXPECT_EQ(address.bytes().size(), sizeof native);
    EXPECT_EQ(must(address.to_ip()), SocketAddress(IpAddress::loopback_v4(), 0x1234));
    EXPECT_EQ(address.as<::sockaddr_in>().sin_port, native.sin_port);
    EXPECT_EQ(must(RawAddress::from_bytes(address.bytes())), address);
    EXPECT_NE(RawAddress(SocketAddress(IpAddress::loopback_v4(), 0x1235)), address);
}

TEST(RawAddress, ConvertsIpAddressesInBothDirections) {
    for (const auto* text : {"1.2.3.4:5", "[2001:db8::1]:80", "[fe80::1%3]:443"}) {
        const auto address = must(SocketAddress::parse(text));
        EXPECT_EQ(must(RawAddress(address).to_ip()), address);
        EXPECT_EQ(RawAddress(address).family(), family_of(address));
    }
}

TEST(RawAddress, IsEmptyByDefault) {
    const RawAddress empty;
    EXPECT_TRUE(empty.is_empty());
    EXPECT_EQ(empty.family(), AF_UNSPEC);
    EXPECT_TRUE(empty.bytes().empty());
    EXPECT_TRUE(fails_with(empty.to_ip(), Errc::invalid_address));
    EXPECT_EQ(must(RawAddress::from_bytes({})), empty);
}

TEST(RawAddress, RejectsWhatDoesNotFit) {
    const std::array<std::byte, RawAddress::max_size + 1> bytes{};
    EXPECT_TRUE(fails_with(RawAddress::from_bytes(bytes), Errc::invalid_address));
    EXPECT_TRUE(ok(RawAddress::from_bytes(std::span(bytes).first(RawAddress::max_size))));
    // Another family, and an IP address without its end.
    const auto other = must(RawAddress::from_bytes(std::span(bytes).first(20)));
    EXPECT_TRUE(fails_with(other.to_ip(), Errc::invalid_address));
    const RawAddress whole(local_v4());
    const auto part = must(RawAddress::from_bytes(whole.bytes().first(6)));
    EXPECT_TRUE(fails_with(part.to_ip(), Errc::invalid_address));
}

TEST(AnySocket, IsNonBlockingAndNotInherited) {
    const auto listener = listener_at(local_v4());
    const auto client = must(Socket::open(AF_INET, SOCK_STREAM, IPPROTO_TCP));
    ASSERT_TRUE(ok(client.connect(must(listener.local_address()))));
    plain::await(listener.raw(), POLLIN);
    const auto [server, peer] = must(listener.accept());
    const auto datagrams = must(Socket::open(AF_INET6, SOCK_DGRAM));
    for (const auto* socket : {&listener, &client, &server, &datagrams}) {
        expect_non_blocking(socket->raw());
        EXPECT_TRUE(is_close_on_exec(socket->raw()));
    }
}

TEST(AnySocket, HasTheTypeThatWasAskedFor) {
    const auto type_of = [](const Socket& socket) { return must(socket.option(SOL_SOCKET, SO_TYPE)); };
    EXPECT_EQ(type_of(must(Socket::open(AF_INET, SOCK_STREAM))), SOCK_STREAM);
    EXPECT_EQ(type_of(must(Socket::open(AF_INET6, SOCK_DGRAM, IPPROTO_UDP))), SOCK_DGRAM);
}

TEST(AnySocket, OpenFailsWithTheSystemsErrorAndLeaksNothing) {
    static_cast<void>(must(Socket::open(AF_INET, SOCK_STREAM))); // starts what the system starts once
    const DescriptorGuard guard;
    EXPECT_FALSE(Socket::open(-1, SOCK_STREAM));
    EXPECT_FALSE(Socket::open(AF_INET, SOCK_STREAM, IPPROTO_UDP));
    EXPECT_FALSE(Socket::open(AF_INET, -1));
    EXPECT_TRUE(fails_with(Socket::open(250, SOCK_STREAM), std::errc::address_family_not_supported));
}

TEST(AnySocket, ConnectsAcceptsReadsAndWrites) {
    for (const auto& at : {local_v4(), local_v6()}) {
        Loop loop;
        auto listener = listener_at(at);
        auto client = must(Socket::open(family_of(at), SOCK_STREAM));
        ASSERT_TRUE(ok(loop.registry().add(listener, Token{1}, Interest::readable)));
        ASSERT_TRUE(ok(client.connect(must(listener.local_address()))));
        ASSERT_TRUE(ok(loop.registry().add(client, Token{2}, read_write)));
        loop.expect({{Token{1}, Interest::readable}, {Token{2}, Interest::writable}});
        EXPECT_EQ(client.finish_connect(), true);
        auto [server, peer] = must(listener.accept());
        EXPECT_TRUE(blocks(listener.accept()));
        EXPECT_EQ(peer, must(client.local_address()));
        EXPECT_EQ(must(server.peer_address()), peer);
        EXPECT_EQ(must(client.peer_address()), must(listener.local_address()));
        EXPECT_EQ(ip_address_of(server), ip_address_of(listener));

        ASSERT_TRUE(ok(loop.registry().add(server, Token{3}, Interest::readable)));
        std::array<std::byte, 64> buffer;
        EXPECT_TRUE(blocks(server.read(buffer)));
        EXPECT_EQ(must(client.write(bytes_of("hello"))), 5u);
        loop.expect({{Token{3}, Interest::readable}});
        EXPECT_EQ(must(server.peek(buffer)), 5u);
        const auto [size, sender] = must(server.receive_from(buffer));
        EXPECT_EQ(text_of(std::span(buffer).first(size)), "hello");
        EXPECT_TRUE(sender.is_empty()) << "that of a connection is its peer_address";

        const std::array slices{IoSlice(bytes_of("two ")), IoSlice(bytes_of("parts"))};
        EXPECT_EQ(must(server.write_vectored(slices)), 9u);
        loop.expect({{Token{2}, Interest::readable}});
        std::array<std::byte, 4> first;
        const std::array targets{IoSliceMut(first), IoSliceMut(buffer)};
        EXPECT_EQ(must(client.read_vectored(targets)), 9u);
        EXPECT_EQ(text_of(first), "two ");
        EXPECT_EQ(text_of(std::span(buffer).first(5)), "parts");
        EXPECT_TRUE(blocks(client.read(buffer)));

        ASSERT_TRUE(ok(client.shutdown(Shutdown::write)));
        loop.expect({{Token{3}, Interest::readable}});
        EXPECT_EQ(must(server.read(buffer)), 0u);
        EXPECT_EQ(must(server.write(bytes_of("bye"))), 3u);
        EXPECT_EQ(read_text(client), "bye") << "one direction was shut down";
        EXPECT_FALSE(must(server.take_error()));
    }
}

TEST(AnySocket, ReportsWhatItBecomesIfRegisteredBefore) {
    Loop loop;
    auto listener = must(Socket::open(AF_INET, SOCK_STREAM));
    auto client = must(Socket::open(AF_INET, SOCK_STREAM));
    ASSERT_TRUE(ok(loop.registry().add(listener, Token{1}, Interest::readable)));
    ASSERT_TRUE(ok(loop.registry().add(client, Token{2}, read_write)));
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 0ns))); // may report a hang-up
    ASSERT_TRUE(ok(listener.bind(local_v4())));
    ASSERT_TRUE(ok(listener.listen(1)));
    ASSERT_TRUE(ok(client.connect(must(listener.local_address()))));
    loop.expect({{Token{1}, Interest::readable}, {Token{2}, Interest::writable}});
    EXPECT_EQ(client.finish_connect(), true);
    EXPECT_TRUE(ok(listener.accept()));
}

TEST(AnySocket, ReportsARefusedConnection) {
    const auto port = refusing_port();
    Loop loop;
    auto client = must(Socket::open(AF_INET, SOCK_STREAM));
    ASSERT_TRUE(ok(client.connect(port.address)));
    ASSERT_TRUE(ok(loop.registry().add(client, Token{1}, Interest::writable)));
    loop.expect({{Token{1}, Interest::writable}});
    EXPECT_TRUE(fails_with(client.finish_connect(), std::errc::connection_refused));
}

TEST(AnySocket, SendsAndReceivesDatagrams) {
    for (const auto& at : {local_v4(), local_v6()}) {
        auto one = must(Socket::open(family_of(at), SOCK_DGRAM));
        const auto two = must(Socket::open(family_of(at), SOCK_DGRAM));
        ASSERT_TRUE(ok(one.bind(at)));
        ASSERT_TRUE(ok(two.bind(at)));
        Loop loop;
        ASSERT_TRUE(ok(loop.registry().add(one, Token{1}, Interest::readable)));
        std::array<std::byte, 64> buffer;
        EXPECT_TRUE(blocks(one.receive_from(buffer)));
        EXPECT_EQ(must(two.send_to(bytes_of("datagram"), must(one.local_address()))), 8u);
        loop.expect({{Token{1}, Interest::readable}});
        EXPECT_EQ(must(one.peek_from(buffer)), std::pair(std::size_t{8}, must(two.local_address())));
        EXPECT_EQ(must(one.peek(buffer)), 8u);
        EXPECT_EQ(must(one.receive_from(buffer)), std::pair(std::size_t{8}, must(two.local_address())));
        EXPECT_EQ(text_of(std::span(buffer).first(8)), "datagram");

        // Connected.
        ASSERT_TRUE(ok(two.connect(must(one.local_address()))));
        EXPECT_EQ(must(two.peer_address()), must(one.local_address()));
        EXPECT_EQ(must(two.write(bytes_of("again"))), 5u);
        EXPECT_EQ(read_text(one), "again");
    }
}

// Backends that emulate edges watch a source again only after an operation that reports would-block or transfers less.

TEST(AnySocket, EachReadThatWouldBlockIsFollowedByAnEvent) {
    Loop loop;
    auto socket = must(Socket::open(AF_INET, SOCK_DGRAM));
    ASSERT_TRUE(ok(socket.bind(local_v4())));
    ASSERT_TRUE(ok(loop.registry().add(socket, Token{1}, Interest::readable)));
    const auto self = must(socket.local_address());
    std::array<std::byte, 8> buffer;
    const std::array targets{IoSliceMut(buffer)};
    const auto expect_event = [&] {
        ASSERT_EQ(must(socket.send_to(bytes_of("x"), self)), 1u);
        loop.expect({{Token{1}, Interest::readable}});
        ASSERT_EQ(must(plain::receive(socket.raw(), buffer.data(), buffer.size())), 1u);
    };
    expect_event();
    EXPECT_TRUE(blocks(socket.read(buffer)));
    expect_event();
    EXPECT_TRUE(blocks(socket.read_vectored(targets)));
    expect_event();
    EXPECT_TRUE(blocks(socket.peek(buffer)));
    expect_event();
    EXPECT_TRUE(blocks(socket.receive_from(buffer)));
    expect_event();
    EXPECT_TRUE(blocks(socket.peek_from(buffer)));
    expect_event();
}

TEST(AnySocket, AcceptThatWouldBlockIsFollowedByAnEvent) {
    Loop loop;
    auto listener = listener_at(local_v4());
    ASSERT_TRUE(ok(loop.registry().add(listener, Token{1}, Interest::readable)));
    for (int i = 0; i < 3; ++i) {
        const auto client = plain::connect(ip_address_of(listener));
        loop.expect({{Token{1}, Interest::readable}});
        EXPECT_TRUE(ok(listener.accept()));
        EXPECT_TRUE(blocks(listener.accept()));
    }
}

TEST(AnySocket, ShortWriteIsFollowedByAnEvent) {
    for (const bool is_vectored : {false, true}) {
        Loop loop;
        auto pair = tcp_pair();
        auto client = Socket::from_raw(pair.client.release());
        ASSERT_TRUE(ok(loop.registry().add(client, Token{1}, Interest::writable)));
        loop.expect({{Token{1}, Interest::writable}});
        const std::vector<std::byte> much(64 * 1024 * 1024);
        const std::array slices{IoSlice(much)};
        const auto written = must(is_vectored ? client.write_vectored(slices) : client.write(much));
        if (written == much.size()) GTEST_SKIP() << "the system buffered everything";
        for (std::size_t received = 0; received < written;) {
            received += drain(pair.server).size();
            if (received < written) plain::await(pair.server.raw(), POLLIN);
        }
        loop.expect({{Token{1}, Interest::writable}});
    }
}

TEST(AnySocket, TruncatesADatagramThatIsLongerThanTheBuffer) {
    const auto socket = must(Socket::open(AF_INET, SOCK_DGRAM));
    ASSERT_TRUE(ok(socket.bind(local_v4())));
    const auto self = must(socket.local_address());
    std::array<std::byte, 3> buffer;
    const auto send = [&] {
        ASSERT_EQ(must(socket.send_to(bytes_of("longer"), self)), 6u);
        plain::await(socket.raw(), POLLIN);
    };
    send();
    EXPECT_EQ(must(socket.peek(buffer)), 3u);
    EXPECT_EQ(must(socket.read(buffer)), 3u);
    send();
    EXPECT_EQ(must(socket.receive_from(buffer)).first, 3u);
    send();
    const std::array targets{IoSliceMut(buffer)};
    EXPECT_EQ(must(socket.read_vectored(targets)), 3u);
    EXPECT_EQ(text_of(buffer), "lon");
    EXPECT_TRUE(blocks(socket.read(buffer)));
}

TEST(AnySocket, HasTheOptionsOfEverySocket) {
    const auto socket = must(Socket::open(AF_INET, SOCK_STREAM));
    ASSERT_TRUE(ok(socket.set_receive_buffer(50'000)));
    EXPECT_GE(must(socket.receive_buffer()), 50'000u);
    ASSERT_TRUE(ok(socket.set_option(SOL_SOCKET, SO_KEEPALIVE, true)));
    EXPECT_EQ(socket.option<bool>(SOL_SOCKET, SO_KEEPALIVE), true);
}

TEST(AnySocket, BecomesASocketOfANamedTypeAndBack) {
    auto listener = listener_at(local_v4());
    const auto raw = listener.raw();
    auto named = TcpListener::from_raw(listener.release());
    EXPECT_EQ(listener.raw(), mio::invalid_handle);
    const auto client = plain::connect(must(named.local_address()));
    plain::await(named.raw(), POLLIN);
    EXPECT_TRUE(ok(named.accept()));
    const auto again = Socket::from_raw(named.release());
    EXPECT_EQ(again.raw(), raw);
    EXPECT_TRUE(blocks(again.accept()));
}

TEST(AnySocket, RunsForeignOperationsThroughTryIo) {
    Loop loop;
    auto socket = must(Socket::open(AF_INET, SOCK_DGRAM));
    ASSERT_TRUE(ok(socket.bind(local_v4())));
    ASSERT_TRUE(ok(loop.registry().add(socket, Token{1}, Interest::readable)));
    std::array<std::byte, 8> buffer;
    for (int i = 0; i < 3; ++i) {
        ASSERT_EQ(must(socket.send_to(bytes_of("x"), must(socket.local_address()))), 1u);
        loop.expect({{Token{1}, Interest::readable}});
        const auto receive = [&] { return plain::receive(socket.raw(), buffer.data(), buffer.size()); };
        EXPECT_EQ(must(socket.try_io(Interest::readable, receive)), 1u);
        EXPECT_TRUE(blocks(socket.try_io(Interest::readable, receive)));
    }
}

TEST(AnySocket, WithoutAHandleFailsAtEverything) {
    const auto nothing = Socket::from_raw(mio::invalid_handle);
    std::array<std::byte, 8> buffer;
    const RawAddress address(local_v4());
    EXPECT_TRUE(fails_with(nothing.bind(address), no_such_handle));
    EXPECT_TRUE(fails_with(nothing.connect(address), no_such_handle));
    EXPECT_TRUE(fails_with(nothing.listen(1), no_such_handle));
    EXPECT_TRUE(fails_with(nothing.accept(), no_such_handle));
    EXPECT_TRUE(fails_with(nothing.finish_connect(), no_such_handle));
    EXPECT_TRUE(fails_with(nothing.read(buffer), no_such_handle));
    EXPECT_TRUE(fails_with(nothing.write(buffer), no_such_handle));
    EXPECT_TRUE(fails_with(nothing.peek(buffer), no_such_handle));
    EXPECT_TRUE(fails_with(nothing.send_to(buffer, address), no_such_handle));
    EXPECT_TRUE(fails_with(nothing.receive_from(buffer), no_such_handle));
    EXPECT_TRUE(fails_with(nothing.peek_from(buffer), no_such_handle));
    EXPECT_TRUE(fails_with(nothing.shutdown(Shutdown::both), no_such_handle));
    EXPECT_TRUE(fails_with(nothing.local_address(), no_such_handle));
    EXPECT_TRUE(fails_with(nothing.peer_address(), no_such_handle));
    EXPECT_TRUE(fails_with(nothing.take_error(), no_such_handle));
}

} // namespace
