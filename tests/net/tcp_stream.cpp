#include "sockets.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <limits>
#include <span>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "differences.hpp"
#include "stream.hpp"

using namespace test;

namespace {

static_assert(mio::Source<TcpStream>);
static_assert(std::is_nothrow_move_constructible_v<TcpStream>
              && std::is_nothrow_move_assignable_v<TcpStream>);
static_assert(!std::is_copy_constructible_v<TcpStream> && !std::is_copy_assignable_v<TcpStream>);
static_assert(!std::is_default_constructible_v<TcpStream>
              && !std::constructible_from<TcpStream, mio::RawHandle>);

// Echoes one connection until it ends.
class EchoServer {
  public:
    explicit EchoServer(const SocketAddress& at)
        : listener_(plain::listen(at)), address_(plain::address_of(listener_)), thread_([this] { run(); }) {}

    [[nodiscard]] const SocketAddress& address() const { return address_; }

  private:
    void run() const {
        const auto peer = plain::accept(listener_);
        std::array<char, 128> buffer;
        while (true) {
            const auto got = plain::receive(peer.fd(), buffer.data(), buffer.size());
            if (!got || *got == 0) return; // reset or end of stream
            plain::write_all(peer, {buffer.data(), *got});
        }
    }

    plain::Socket listener_;
    SocketAddress address_;
    std::jthread thread_;
};

// A whole session with one stream.
void expect_to_work(TcpStream stream, const SocketAddress& server) {
    Loop loop;
    expect_non_blocking(stream.raw());
    EXPECT_TRUE(is_close_on_exec(stream.raw()));
    ASSERT_TRUE(ok(loop.registry().add(stream, first, read_write)));
    loop.expect({{first, Readiness::writable}});
    EXPECT_TRUE(must(stream.finish_connect()));

    // No data yet.
    EXPECT_TRUE(peek_would_block(stream));
    EXPECT_TRUE(read_would_block(stream));
    EXPECT_EQ(must(stream.peer_address()), server);
    EXPECT_TRUE(must(stream.local_address()).ip().is_loopback());

    // One message in each direction.
    EXPECT_EQ(must(stream.write(bytes_of(hello_world))), hello_world.size());
    loop.expect({{first, Readiness::readable}});
    EXPECT_EQ(peek_up_to(stream, 128), hello_world);
    EXPECT_EQ(read_up_to(stream, 128), hello_world);
    EXPECT_FALSE(must(stream.take_error()));
    EXPECT_TRUE(read_would_block(stream));

    // Two messages per call, in both directions.
    const std::array<IoSlice, 2> parts{bytes_of(hello_world), bytes_of(hello_mars)};
    ASSERT_EQ(must(stream.write_vectored(parts)), 23u);
    loop.expect({{first, Readiness::readable}});
    std::array<std::byte, 12> one;
    std::array<std::byte, 12> two;
    one.fill(std::byte{1});
    two.fill(std::byte{2});
    const std::array<IoSliceMut, 2> places{IoSliceMut(one), IoSliceMut(two)};
    while (peek_up_to(stream, 64).size() < 23) plain::await(stream.raw(), POLLIN);
    ASSERT_EQ(must(stream.read_vectored(places)), 23u);
    EXPECT_EQ(text_of(one), hello_world);
    EXPECT_EQ(text_of(std::span(two).first(11)), hello_mars);
    EXPECT_EQ(two[11], std::byte{2}) << "bytes past the data are unchanged";
}

TEST(TcpStream, ConnectsWritesAndReads) {
    const EchoServer server(local_v4());
    expect_to_work(must(TcpStream::connect(server.address())), server.address());
}

TEST(TcpStream, ConnectsWritesAndReadsOverIpv6) {
    const EchoServer server(local_v6());
    expect_to_work(must(TcpStream::connect(server.address())), server.address());
}

TEST(TcpStream, AdoptsAnExistingSocket) {
    const EchoServer server(local_v4());
    auto made_elsewhere = plain::connect(server.address());
    made_elsewhere.set_non_blocking();
    expect_to_work(TcpStream::from_raw(made_elsewhere.release()), server.address());
}

TEST(TcpStream, AdoptingAHandleDoesNotChangeIt) {
    const auto listener = plain::listen(local_v4());
    auto blocking = plain::connect(plain::address_of(listener));
    const auto stream = TcpStream::from_raw(blocking.release());
    expect_blocking(stream.raw());
}

// connect.

TEST(TcpStream, ConnectingToUnreachableAddressesFailsImmediately) {
    const DescriptorGuard guard;
    EXPECT_FALSE(TcpStream::connect(must(SocketAddress::parse("255.255.255.255:80"))));
    EXPECT_FALSE(TcpStream::connect(must(SocketAddress::parse("224.0.0.1:80"))));
    EXPECT_FALSE(TcpStream::connect(must(SocketAddress::parse("[ff02::1]:80"))));
}

TEST(TcpStream, IsConnectedAfterItsFirstWritableEvent) {
    Loop loop;
    const auto listener = plain::listen(local_v4());
    auto stream = must(TcpStream::connect(plain::address_of(listener)));
    ASSERT_TRUE(ok(loop.registry().add(stream, first, Interest::writable)));
    loop.expect({{first, Readiness::writable}});
    EXPECT_TRUE(must(stream.finish_connect()));
    EXPECT_TRUE(must(stream.finish_connect())) << "the second call returns the same";
}

TEST(TcpStream, FinishConnectStaysTrueAfterThePeerCloses) {
    auto [stream, peer] = plain_pair();
    peer.close();
    plain::await_end(stream.raw());
    EXPECT_TRUE(must(stream.finish_connect()));
}

TEST(TcpStream, ReportsConnectionRefused) {
    const auto refusing = refusing_port();
    const auto stream = refused_stream(refusing);
    EXPECT_TRUE(fails_with(stream.finish_connect(), std::errc::connection_refused));
}

TEST(TcpStream, ReportsConnectionRefusedOverIpv6) {
    const auto refusing = refusing_port(local_v6());
    const auto stream = refused_stream(refusing);
    EXPECT_TRUE(fails_with(stream.finish_connect(), std::errc::connection_refused));
}

TEST(TcpStream, StaysFailedAfterFinishConnectReturnedTheError) {
    const auto refusing = refusing_port();
    const auto stream = refused_stream(refusing);
    EXPECT_TRUE(fails_with(stream.finish_connect(), std::errc::connection_refused));
    for (int round = 0; round < 3; ++round) {
        const auto finished = stream.finish_connect();
        ASSERT_FALSE(finished) << "returned " << *finished << ", but the attempt has failed";
        EXPECT_FALSE(mio::would_block(finished.error()));
    }
}

TEST(TcpStream, StaysFailedAfterTakeErrorReturnedTheError) {
    if (is_wine()) GTEST_SKIP() << "Wine keeps the error after take_error";
    const auto refusing = refusing_port();
    const auto stream = refused_stream(refusing);
    EXPECT_EQ(must(stream.take_error()), std::errc::connection_refused);
    EXPECT_FALSE(must(stream.take_error())) << "an error is reported once";
    const auto finished = stream.finish_connect();
    ASSERT_FALSE(finished) << "returned " << *finished << ", but the attempt has failed";
    EXPECT_FALSE(mio::would_block(finished.error()));
    EXPECT_TRUE(fails_with(stream.peer_address(), std::errc::not_connected));
}

TEST(TcpStream, StaysFailedAfterReadReturnedTheError) {
    if (is_wine()) GTEST_SKIP() << "Wine reports a failed or reset connection as end of stream";
    const auto refusing = refusing_port();
    const auto stream = refused_stream(refusing);
    std::array<std::byte, 1> buffer;
    EXPECT_TRUE(fails_with(stream.read(buffer), std::errc::connection_refused));
    EXPECT_FALSE(stream.finish_connect());
}

TEST(TcpStream, FinishConnectFailsWithoutConnect) {
    auto socket = must(TcpSocket::v4());
    const auto stream = TcpStream::from_raw(socket.release());
    EXPECT_TRUE(fails_with(stream.peer_address(), std::errc::not_connected));
    EXPECT_TRUE(fails_with(stream.shutdown(Shutdown::both), std::errc::not_connected));
}

TEST(TcpStream, FinishConnectFailsAfterAReset) {
    if (is_wine()) GTEST_SKIP() << "Wine reports a failed or reset connection as end of stream";
    auto [stream, peer] = plain_pair();
    set_linger_zero(peer.fd());
    peer.close();
    plain::await_end(stream.raw());
    EXPECT_TRUE(fails_with(stream.finish_connect(), std::errc::connection_reset));
    EXPECT_FALSE(stream.finish_connect()) << "fails even after the error was returned";
}

// Reading and writing.

TEST(TcpStream, WritesUntilTheBufferIsFullAndLosesNothing) {
    Loop loop;
    auto [stream, peer] = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(stream, first, Interest::writable)));
    loop.expect({{first, Readiness::writable}});

    // The peer does not read: writes become short and then would block.
    const std::string data = pattern(32 * 1024 * 1024);
    const auto short_write = must(stream.write(bytes_of(data)));
    EXPECT_GT(short_write, 0u);
    EXPECT_LT(short_write, data.size());
    std::size_t total = short_write;
    // Until it would block. The kernel may still move bytes to the peer and make room, so that a later write succeeds.
    const auto fill = [&](auto&& write) {
        while (true) {
            const auto written = write(bytes_of(std::string_view(data).substr(total)));
            if (!written) {
                EXPECT_TRUE(mio::would_block(written.error()));
                EXPECT_EQ(written.error().category(), mio::os_category());
                return;
            }
            total += *written;
            ASSERT_LT(total, data.size());
        }
    };
    fill([&](std::span<const std::byte> rest) { return stream.write(rest); });
    fill([&](std::span<const std::byte> rest) {
        const std::array<IoSlice, 1> one{rest};
        return stream.write_vectored(one);
    });

    // The peer reads: an event reports the free space, and the rest is sent.
    std::string received;
    std::jthread reading([&] { received = plain::read_exactly(peer, data.size()); });
    while (total < data.size()) {
        const auto written = stream.write(bytes_of(std::string_view(data).substr(total)));
        if (written)
            total += *written;
        else {
            ASSERT_TRUE(mio::would_block(written.error()));
            loop.expect({{first, Readiness::writable}});
        }
    }
    reading.join();
    EXPECT_TRUE(received == data);
}

TEST(TcpStream, WriteVectoredStopsWhenTheBufferIsFullAndLosesNothing) {
    auto [stream, peer] = plain_pair();
    const std::string data = pattern(32 * 1024 * 1024);
    const std::size_t half = data.size() / 2;
    std::size_t total = 0;
    std::string received;
    bool was_short = false;
    std::jthread reading;
    while (total < data.size()) {
        const std::string_view rest = std::string_view(data).substr(total);
        const std::array<IoSlice, 3> parts{bytes_of(rest.substr(0, rest.size() / 3)),
                                           std::span<const std::byte>(),
                                           bytes_of(rest.substr(rest.size() / 3))};
        const auto written = stream.write_vectored(parts);
        if (written) {
            was_short |= *written < rest.size();
            total += *written;
            continue;
        }
        ASSERT_TRUE(mio::would_block(written.error()));
        if (!reading.joinable()) {
            EXPECT_LT(total, half) << "nothing has been read yet";
            reading = std::jthread([&] { received = plain::read_exactly(peer, data.size()); });
        }
        plain::await(stream.raw(), POLLOUT);
    }
    reading.join();
    EXPECT_TRUE(was_short);
    EXPECT_TRUE(received == data);
}

TEST(TcpStream, ReadsUntilEndOfStream) {
    auto [stream, peer] = plain_pair();
    plain::write_all(peer, "the end");
    peer.close();
    plain::await_end(stream.raw());
    EXPECT_EQ(read_up_to(stream, 3), "the");
    EXPECT_EQ(read_up_to(stream, 100), " end");
    for (int round = 0; round < 3; ++round)
        EXPECT_EQ(read_up_to(stream, 100), "") << "end of stream is permanent";
    EXPECT_EQ(peek_up_to(stream, 100), "");
}

TEST(TcpStream, ReadWithoutDataWouldBlock) {
    const auto pair = tcp_pair();
    std::array<std::byte, 8> buffer;
    const auto got = pair.client.read(buffer);
    ASSERT_FALSE(got);
    EXPECT_TRUE(mio::would_block(got.error()));
    EXPECT_FALSE(mio::interrupted(got.error()));
    EXPECT_EQ(got.error(), std::errc::resource_unavailable_try_again);
    EXPECT_FALSE(must(pair.client.take_error())) << "no error is left pending";
    EXPECT_TRUE(must(pair.client.finish_connect()));
}

TEST(TcpStream, PeekDoesNotConsumeData) {
    auto [stream, peer] = plain_pair();
    EXPECT_TRUE(peek_would_block(stream));
    plain::write_all(peer, hello_world);
    plain::await(stream.raw(), POLLIN);
    EXPECT_EQ(peek_up_to(stream, 5), "Hello");
    EXPECT_EQ(peek_up_to(stream, 100), hello_world);
    EXPECT_EQ(peek_up_to(stream, 100), hello_world);
    EXPECT_EQ(read_up_to(stream, 6), "Hello ");
    EXPECT_EQ(peek_up_to(stream, 100), "world!");
    EXPECT_EQ(read_up_to(stream, 100), "world!");
    EXPECT_TRUE(peek_would_block(stream));
}

TEST(TcpStream, EmptyBuffersTransferNothing) {
    auto [stream, peer] = plain_pair();
    plain::write_all(peer, "data");
    plain::await(stream.raw(), POLLIN);

    // Nothing is read, written or lost.
    EXPECT_EQ(must(stream.read({})), 0u);
    EXPECT_EQ(must(stream.peek({})), 0u);
    EXPECT_EQ(must(stream.read_vectored({})), 0u);
    EXPECT_EQ(must(stream.write({})), 0u);
    EXPECT_EQ(must(stream.write_vectored({})), 0u);
    const std::array<IoSlice, 3> no_slices{};
    EXPECT_EQ(must(stream.write_vectored(no_slices)), 0u);
    const std::array<IoSliceMut, 3> no_places{};
    EXPECT_EQ(must(stream.read_vectored(no_places)), 0u);
    EXPECT_EQ(read_up_to(stream, 100), "data");

    peer.set_non_blocking();
    char byte = 0;
    EXPECT_TRUE(blocks(plain::receive(peer.fd(), &byte, 1)));
}

TEST(TcpStream, SkipsEmptyBuffersAmongOthers) {
    auto [stream, peer] = plain_pair();
    const std::array<IoSlice, 5> parts{std::span<const std::byte>(), bytes_of("ab"), IoSlice(), bytes_of("c"),
                                       bytes_of("")};
    EXPECT_EQ(must(stream.write_vectored(parts)), 3u);
    EXPECT_EQ(plain::read_exactly(peer, 3), "abc");

    plain::write_all(peer, "xyz");
    while (peek_up_to(stream, 8).size() < 3) plain::await(stream.raw(), POLLIN);
    std::array<std::byte, 2> one;
    std::array<std::byte, 2> two{std::byte{9}, std::byte{9}};
    const std::array<IoSliceMut, 4> places{IoSliceMut(), IoSliceMut(one), IoSliceMut(), IoSliceMut(two)};
    EXPECT_EQ(must(stream.read_vectored(places)), 3u);
    EXPECT_EQ(text_of(one), "xy");
    EXPECT_EQ(text_of(std::span(two).first(1)), "z");
    EXPECT_EQ(two[1], std::byte{9});
}

TEST(TcpStream, SkipsAnyNumberOfEmptyBuffers) {
    for (const std::size_t count : {0u, 1u, 1023u, 1024u, 1025u, 5000u}) {
        auto [stream, peer] = plain_pair();
        std::vector<IoSlice> slices(count);
        EXPECT_EQ(must(stream.write_vectored(slices)), 0u) << count;
        slices.emplace_back(bytes_of("xyz"));
        EXPECT_EQ(must(stream.write_vectored(slices)), 3u) << count;
        EXPECT_EQ(plain::read_exactly(peer, 3), "xyz") << count;

        std::array<std::byte, 8> buffer{};
        std::vector<IoSliceMut> places(count);
        places.emplace_back(std::span(buffer));
        EXPECT_TRUE(blocks(stream.read_vectored(places))) << count;
        plain::write_all(peer, "abc");
        plain::await(stream.raw(), POLLIN);
        EXPECT_EQ(must(stream.read_vectored(std::vector<IoSliceMut>(count))), 0u) << count;
        EXPECT_EQ(must(stream.read_vectored(places)), 3u) << count;
        EXPECT_EQ(text_of(std::span(buffer).first(3)), "abc") << count;
    }
}

TEST(TcpStream, SlicesReferToTheirMemory) {
    std::array<std::byte, 7> memory{};
    const IoSlice slice{std::span<const std::byte>(memory)};
    EXPECT_EQ(slice.bytes().data(), memory.data());
    EXPECT_EQ(slice.bytes().size(), 7u);
    const IoSliceMut place{std::span(memory)};
    EXPECT_EQ(place.bytes().data(), memory.data());
    EXPECT_EQ(place.bytes().size(), 7u);
    EXPECT_TRUE(IoSlice().bytes().empty());
    EXPECT_TRUE(IoSliceMut().bytes().empty());
}

TEST(TcpStream, ReadAndWriteFailWithoutAConnection) {
    auto socket = must(TcpSocket::v4());
    const auto stream = TcpStream::from_raw(socket.release());
    std::array<std::byte, 1> buffer;
    EXPECT_TRUE(fails_with(stream.read(buffer), std::errc::not_connected));
    EXPECT_TRUE(fails_with(stream.peek(buffer), std::errc::not_connected));
    EXPECT_FALSE(stream.write(buffer));
}

TEST(TcpStream, WritingToAClosedPeerEventuallyFails) {
    auto [stream, peer] = plain_pair();
    peer.close();
    // The first write that arrives provokes a reset, which one of the next writes reports. Wine may close the socket late.
    mio::Result<std::size_t> written = 1;
    for (int round = 0; round < 2000 && written; ++round) {
        written = stream.write(bytes_of("anybody?"));
        plain::await_end(stream.raw());
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ASSERT_FALSE(written);
    EXPECT_TRUE(written.error() == std::errc::broken_pipe || written.error() == std::errc::connection_reset
                || written.error() == std::errc::connection_aborted)
        << written.error().message();
    EXPECT_FALSE(stream.write(bytes_of("anybody?"))) << "later writes fail too";
}

// shutdown.

TEST(TcpStream, ShutdownWriteEndsThePeersReadingAndKeepsReadingOpen) {
    Loop loop;
    auto [stream, peer] = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(stream, first, read_write)));
    loop.expect({{first, Readiness::writable}});
    ASSERT_EQ(must(stream.write(bytes_of(hello_world))), hello_world.size());
    ASSERT_TRUE(ok(stream.shutdown(Shutdown::write)));
    EXPECT_TRUE(fails_with(stream.write(bytes_of(hello_mars)), std::errc::broken_pipe));
    EXPECT_EQ(plain::read_exactly(peer, 100), hello_world) << "written data arrives before end of stream";

    plain::write_all(peer, hello_mars);
    loop.expect({{first, Readiness::readable}});
    EXPECT_EQ(read_up_to(stream, 100), hello_mars);
    EXPECT_TRUE(read_would_block(stream));
}

TEST(TcpStream, ShutdownFailsAfterConnectFailed) {
    for (const auto how : {Shutdown::read, Shutdown::write, Shutdown::both}) {
        const auto failed = refused_stream(refusing_port());
        EXPECT_TRUE(fails_with(failed.shutdown(how), std::errc::not_connected));
    }
}

// Options and addresses.

TEST(TcpStream, KeepsTheTtlThatIsSet) {
    for (const auto& at : {local_v4(), local_v6()}) {
        const auto pair = tcp_pair(at);
        for (const std::uint32_t hops : {1u, 10u, 255u}) {
            ASSERT_TRUE(ok(pair.client.set_ttl(hops)));
            EXPECT_EQ(must(pair.client.ttl()), hops);
            const bool v4 = at.ip().is_v4();
            EXPECT_EQ(must(plain::option(pair.client.raw(), v4 ? IPPROTO_IP : IPPROTO_IPV6,
                                         v4 ? IP_TTL : IPV6_UNICAST_HOPS)),
                      static_cast<int>(hops));
        }
        EXPECT_FALSE(must(pair.client.take_error()));
        EXPECT_NE(must(pair.server.ttl()), 0u);
    }
}

TEST(TcpStream, HasADefaultTtl) {
    for (const auto& at : {local_v4(), local_v6()}) {
        const auto pair = tcp_pair(at);
        const auto hops = must(pair.client.ttl());
        EXPECT_GE(hops, 1u);
        EXPECT_LE(hops, 255u);
        EXPECT_FALSE(must(pair.client.take_error()));
    }
}

TEST(TcpStream, RejectsTtlOutOfRange) {
    for (const auto& at : {local_v4(), local_v6()}) {
        const auto pair = tcp_pair(at);
        ASSERT_TRUE(ok(pair.client.set_ttl(42)));
        for (const std::uint32_t hops :
             {0u, 256u, 257u, 65536u, 0x7fffffffu, 0x80000000u, 0xffffff00u, 0xffffffffu}) {
            EXPECT_TRUE(fails_with(pair.client.set_ttl(hops), std::errc::invalid_argument)) << hops;
        }
        EXPECT_EQ(must(pair.client.ttl()), 42u);
    }
}

TEST(TcpStream, KeepsNodelayThatIsSet) {
    const auto pair = tcp_pair();
    EXPECT_FALSE(must(pair.client.nodelay())) << "off by default";
    ASSERT_TRUE(ok(pair.client.set_nodelay(true)));
    EXPECT_TRUE(must(pair.client.nodelay()));
    EXPECT_FALSE(must(pair.server.nodelay()));
    ASSERT_TRUE(ok(pair.client.set_nodelay(false)));
    EXPECT_FALSE(must(pair.client.nodelay()));
    EXPECT_FALSE(must(pair.client.take_error()));
}

TEST(TcpStream, KnowsBothAddresses) {
    for (const auto& at : {local_v4(), local_v6()}) {
        const auto pair = tcp_pair(at);
        EXPECT_EQ(must(pair.client.peer_address()), must(pair.server.local_address()));
        EXPECT_EQ(must(pair.client.local_address()), must(pair.server.peer_address()));
        EXPECT_EQ(must(pair.client.local_address()).ip(), at.ip());
        EXPECT_NE(must(pair.client.local_address()).port(), must(pair.client.peer_address()).port());
    }
}

TEST(TcpStream, LocalAddressMatchesThePeersView) {
    auto [stream, peer] = plain_pair();
    EXPECT_EQ(must(stream.local_address()).port(), plain::peer_address_of(peer).port());
}

TEST(TcpStream, CallsOnAnInvalidHandleFail) {
    const auto nothing = TcpStream::from_raw(mio::invalid_handle);
    EXPECT_TRUE(fails_with(nothing.peer_address(), no_such_handle));
    EXPECT_TRUE(fails_with(nothing.local_address(), no_such_handle));
    EXPECT_TRUE(fails_with(nothing.ttl(), no_such_handle));
    EXPECT_TRUE(fails_with(nothing.set_ttl(10), no_such_handle));
    EXPECT_TRUE(fails_with(nothing.nodelay(), no_such_handle));
    EXPECT_TRUE(fails_with(nothing.set_nodelay(true), no_such_handle));
    EXPECT_TRUE(fails_with(nothing.shutdown(Shutdown::both), no_such_handle));
    EXPECT_TRUE(fails_with(nothing.write(bytes_of("x")), no_such_handle));
}

// Handles.

TEST(TcpStream, ReleaseAndAdoptKeepTheHandle) {
    auto [stream, peer] = plain_pair();
    const auto address = must(stream.local_address());
    const auto raw = stream.raw();
    EXPECT_EQ(stream.release(), raw);
    EXPECT_EQ(stream.raw(), mio::invalid_handle);
    const auto rebuilt = TcpStream::from_raw(raw);
    EXPECT_EQ(rebuilt.raw(), raw);
    EXPECT_EQ(must(rebuilt.local_address()), address);
    expect_non_blocking(raw);
}

TEST(TcpStream, DoesNotCloseAReleasedHandle) {
    auto [stream, peer] = plain_pair();
    {
        auto moved = std::move(stream);
        plain::Socket kept(moved.release());
        stream = TcpStream::from_raw(kept.release());
    }
    ASSERT_EQ(must(stream.write(bytes_of("open"))), 4u);
    EXPECT_EQ(plain::read_exactly(peer, 4), "open");
}

// try_io.

TEST(TcpStream, TryIoReturnsTheResultOfTheOperation) {
    auto [stream, peer] = plain_pair();
    const auto receive = [&stream] {
        char byte = 0;
        return plain::receive(stream.raw(), &byte, 1);
    };
    EXPECT_TRUE(blocks(stream.try_io(receive)));
    EXPECT_TRUE(blocks(stream.try_io(Interest::readable, receive)));
    plain::write_all(peer, "ab");
    plain::await(stream.raw(), POLLIN);
    EXPECT_EQ(must(stream.try_io(receive)), 1u);
    EXPECT_EQ(must(stream.try_io(Interest::readable, receive)), 1u);
    EXPECT_TRUE(blocks(stream.try_io(receive)));

    // Any result type and any error are returned, and the operation runs once.
    int runs = 0;
    EXPECT_EQ(must(stream.try_io([&]() -> mio::Result<std::string> { return ++runs, "text"; })), "text");
    EXPECT_TRUE(
        ok(stream.try_io(Interest::writable, [&]() -> mio::Result<> { return ++runs, mio::Result<>(); })));
    EXPECT_TRUE(fails_with(stream.try_io([&]() -> mio::Result<> {
        ++runs;
        return std::unexpected(std::make_error_code(std::errc::owner_dead));
    }),
                           std::errc::owner_dead));
    EXPECT_EQ(runs, 3);
}

TEST(TcpStream, TryIoThatWouldBlockRearmsTheSource) {
    for (const bool one_direction : {false, true}) {
        Loop loop;
        auto [stream, peer] = plain_pair();
        ASSERT_TRUE(ok(loop.registry().add(stream, first, Interest::readable)));
        const auto receive = [&stream]() -> mio::Result<char> {
            char byte = 0;
            const auto got = plain::receive(stream.raw(), &byte, 1);
            if (!got) return std::unexpected(got.error());
            return byte;
        };
        for (const char sent : std::string_view("abc")) {
            plain::write_all(peer, {&sent, 1});
            loop.expect({{first, Readiness::readable}});
            const auto tried = [&] {
                return one_direction ? stream.try_io(Interest::readable, receive) : stream.try_io(receive);
            };
            EXPECT_EQ(must(tried()), sent);
            EXPECT_TRUE(blocks(tried()));
        }
    }
}

// Events.

TEST(TcpStream, IsNotReadableWithoutData) {
    Loop loop;
    const EchoServer server(local_v4());
    auto stream = must(TcpStream::connect(server.address()));
    ASSERT_TRUE(ok(loop.registry().add(stream, first, Interest::readable)));
    loop.expect_none();
}

TEST(TcpStream, ModifyChangesTokenAndInterest) {
    Loop loop;
    const EchoServer server(local_v4());
    auto stream = must(TcpStream::connect(server.address()));
    ASSERT_TRUE(ok(loop.registry().add(stream, first, Interest::readable)));
    ASSERT_TRUE(ok(loop.registry().modify(stream, second, Interest::writable)));
    loop.expect({{second, Readiness::writable}});
    EXPECT_EQ(must(stream.peer_address()), server.address());
}

TEST(TcpStream, RemovedStreamIsNotReported) {
    Loop loop;
    const EchoServer server(local_v4());
    auto stream = must(TcpStream::connect(server.address()));
    ASSERT_TRUE(ok(loop.registry().add(stream, first, read_write)));
    ASSERT_TRUE(ok(loop.registry().remove(stream)));
    loop.expect_none();

    EXPECT_EQ(must(stream.peer_address()), server.address());
    EXPECT_TRUE(peek_would_block(stream));
    EXPECT_TRUE(read_would_block(stream));
    EXPECT_EQ(must(stream.write(bytes_of(hello_world))), hello_world.size());
    plain::await(stream.raw(), POLLIN);
    loop.expect_none();
}

TEST(TcpStream, ReportsPeerShutdownWrite) {
    Loop loop;
    auto [stream, peer] = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(stream, first, read_write)));
    loop.expect({{first, Readiness::writable}});
    plain::end_writing(peer);
    loop.expect({{first, Readiness::read_closed}});
}

TEST(TcpStream, ReportsAResetOnce) {
    Loop loop;
    auto [stream, peer] = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(stream, first, read_write)));
    loop.expect({{first, Readiness::writable}});
    ASSERT_EQ(must(stream.write(bytes_of(hello_world))), hello_world.size());
    EXPECT_TRUE(read_would_block(stream));

    // Closing a socket with unread data makes the peer's kernel send a reset.
    plain::await_readable(peer);
    peer.close();
    loop.expect({{first, Readiness::read_closed}});
    for (int round = 0;; ++round) {
        ASSERT_LT(round, 50) << "events repeat without end";
        ASSERT_TRUE(ok(loop.poll.poll(loop.events, 100ms)));
        if (loop.events.empty()) break;
    }
}

TEST(TcpStream, ReportsPeerDisconnectForReadableInterest) {
    Loop loop;
    auto listener = must(TcpListener::bind(local_v4()));
    ASSERT_TRUE(ok(loop.registry().add(listener, first, Interest::readable)));
    auto stream = must(TcpStream::connect(must(listener.local_address())));
    ASSERT_TRUE(ok(loop.registry().add(stream, second, read_write)));
    loop.expect({{first, Readiness::readable}, {second, Readiness::writable}});

    {
        const auto accepted = must(listener.accept());
        set_linger_zero(accepted.first.raw());
    }
    loop.expect({{second, Readiness::readable}});
}

TEST(TcpStream, ReportsUrgentDataForPriorityInterest) {
    if (!differences.has_priority) GTEST_SKIP() << "no priority interest on this backend";
    Loop loop;
    auto [stream, peer] = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(stream, first, Interest::readable | Interest::priority)));
    ASSERT_EQ(must(plain::send(peer.fd(), hello_world.data(), hello_world.size(), MSG_OOB)),
              hello_world.size());
    loop.expect({{first, Readiness::readable | Readiness::priority}});

    // The last byte is the urgent one, which is out of band.
    EXPECT_EQ(read_up_to(stream, 100), "Hello world");
    char urgent = 0;
    EXPECT_EQ(must(plain::receive(stream.raw(), &urgent, 1, MSG_OOB)), 1u);
    EXPECT_EQ(urgent, '!');
}

TEST(TcpStream, PeekDoesNotConsumeTheEvent) {
    Loop loop;
    auto [stream, peer] = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(stream, first, Interest::readable)));
    loop.expect_none();
    plain::write_all(peer, "x");
    plain::await(stream.raw(), POLLIN);
    EXPECT_EQ(peek_up_to(stream, 2), "x");
    loop.expect({{first, Readiness::readable}});
}

TEST(TcpStream, PeekThatWouldBlockRearmsTheSource) {
    Loop loop;
    auto [stream, peer] = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(stream, first, Interest::readable)));
    loop.expect_none();
    plain::write_all(peer, "x");
    loop.expect({{first, Readiness::readable}});
    EXPECT_EQ(read_up_to(stream, 1), "x");
    EXPECT_TRUE(peek_would_block(stream));
    plain::write_all(peer, "more");
    loop.expect({{first, Readiness::readable}});
}

TEST(TcpStream, ReadAndPeekThatWouldBlockRearmTheSource) {
    Loop loop;
    auto [stream, peer] = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(stream, first, Interest::readable)));
    EXPECT_TRUE(read_would_block(stream));
    plain::write_all(peer, "x");
    loop.expect({{first, Readiness::readable}});
    EXPECT_EQ(read_up_to(stream, 1), "x");
    EXPECT_TRUE(peek_would_block(stream));
    plain::write_all(peer, "y");
    loop.expect({{first, Readiness::readable}});
    EXPECT_EQ(read_up_to(stream, 1), "y");
}

TEST(TcpStream, OneshotReportsOnceUntilModified) {
    Loop loop;
    auto [stream, peer] = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(stream, first, Interest::readable, mio::Trigger::oneshot)));
    plain::write_all(peer, "x");
    loop.expect({{first, Readiness::readable}});
    plain::write_all(peer, "y");
    loop.expect_none();
    ASSERT_TRUE(ok(loop.registry().modify(stream, second, Interest::readable, mio::Trigger::oneshot)));
    loop.expect({{second, Readiness::readable}});
}

TEST(TcpStream, LevelTriggerReportsUntilAllDataIsRead) {
    Loop loop;
    auto [stream, peer] = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(stream, first, Interest::readable, mio::Trigger::level)));
    plain::write_all(peer, "xy");
    loop.expect({{first, Readiness::readable}});
    while (peek_up_to(stream, 2).size() < 2) plain::await(stream.raw(), POLLIN);
    EXPECT_EQ(read_up_to(stream, 1), "x");
    loop.expect({{first, Readiness::readable}});
    EXPECT_EQ(read_up_to(stream, 1), "y");
    loop.expect_none();
}

TEST(TcpStream, ShortWriteIsFollowedByAWritableEvent) {
    for (const bool is_vectored : {false, true}) {
        Loop loop;
        auto pair = tcp_pair();
        ASSERT_TRUE(ok(loop.registry().add(pair.client, first, Interest::writable)));
        loop.expect({{first, Interest::writable}});
        const std::vector<std::byte> much(64 * 1024 * 1024);
        const std::array slices{mio::net::IoSlice(much)};
        const auto written = must(is_vectored ? pair.client.write_vectored(slices) : pair.client.write(much));
        if (written == much.size()) GTEST_SKIP() << "the system buffered everything";
        std::size_t received = 0;
        while (received < written) {
            received += drain(pair.server).size();
            if (received < written) plain::await(pair.server.raw(), POLLIN);
        }
        loop.expect({{first, Interest::writable}});
    }
}

// Several threads.

TEST(TcpStream, TwoThreadsCanReadAndWriteConcurrently) {
    const auto pair = tcp_pair();
    const std::string data = pattern(4 * 1024 * 1024, 3);
    const auto send = [&data](const TcpStream& stream) {
        for (std::size_t sent = 0; sent < data.size();) {
            const auto written = stream.write(bytes_of(std::string_view(data).substr(sent)));
            if (written)
                sent += *written;
            else
                plain::await(stream.raw(), POLLOUT);
        }
    };
    const auto receive = [&data](const TcpStream& stream) {
        std::string received;
        while (received.size() < data.size()) {
            received += drain(stream);
            if (received.size() < data.size()) {
                ASSERT_NE(plain::await(stream.raw(), POLLIN), 0);
            }
        }
        EXPECT_TRUE(received == data);
    };
    const std::jthread one(send, std::cref(pair.client));
    const std::jthread two(send, std::cref(pair.server));
    const std::jthread three(receive, std::cref(pair.client));
    receive(pair.server);
}

// Operations that may run concurrently on one registered socket: I/O of several threads, `modify`, and polls. For
// ThreadSanitizer.
TEST(TcpStream, ThreadsCanUseItDuringModifyAndPoll) {
    Loop loop;
    auto pair = tcp_pair();
    auto& stream = pair.client;
    ASSERT_TRUE(ok(loop.registry().add(stream, first, read_write)));
    constexpr std::size_t amount = 2 * 1024 * 1024;
    std::atomic<std::size_t> received = 0;
    std::atomic<bool> is_over = false;
    const auto write = [&](const TcpStream& to, std::size_t size) {
        const std::vector<std::byte> chunk(10'000, std::byte{'w'});
        for (std::size_t sent = 0; sent < size;) {
            const auto written = to.write(std::span(chunk).first(std::min(chunk.size(), size - sent)));
            if (written)
                sent += *written;
            else
                plain::await(to.raw(), POLLOUT);
        }
    };
    const auto read = [](const TcpStream& from, std::size_t size, std::atomic<std::size_t>& total) {
        std::array<std::byte, 5'000> buffer;
        while (total < size) {
            const auto count = from.read(buffer);
            if (count)
                total += *count;
            else
                std::this_thread::yield();
        }
    };
    {
        std::jthread poller([&] {
            while (!is_over) EXPECT_TRUE(ok(loop.poll.poll(loop.events, 1ms)));
        });
        std::jthread modifier([&] {
            for (std::size_t i = 0; !is_over; ++i) {
                EXPECT_TRUE(ok(
                    loop.registry().modify(stream, Token{i % 7}, i % 2 == 0 ? read_write : Interest::readable,
                                           i % 3 == 0 ? mio::Trigger::level : mio::Trigger::edge)));
                std::this_thread::yield();
            }
        });
        std::atomic<std::size_t> received_by_peer = 0;
        {
            const std::jthread one([&] { write(stream, amount); });
            const std::jthread two([&] { write(stream, amount); });
            const std::jthread three([&] { read(stream, amount, received); });
            const std::jthread four([&] { read(stream, amount, received); });
            const std::jthread five([&] { write(pair.server, amount); });
            read(pair.server, 2 * amount, received_by_peer);
        }
        is_over = true;
        EXPECT_EQ(received_by_peer, 2 * amount);
    }
    EXPECT_EQ(received, amount);
    EXPECT_TRUE(ok(loop.registry().remove(stream)));
}

} // namespace
