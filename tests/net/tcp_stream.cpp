#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <concepts>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <limits>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "differences.hpp"
#include "sandbox.hpp"
#include "tcp.hpp"

using namespace test;

namespace {

static_assert(mio::Source<TcpStream>);
static_assert(std::is_nothrow_move_constructible_v<TcpStream>
              && std::is_nothrow_move_assignable_v<TcpStream>);
static_assert(!std::is_copy_constructible_v<TcpStream> && !std::is_copy_assignable_v<TcpStream>);
static_assert(!std::is_default_constructible_v<TcpStream> && !std::constructible_from<TcpStream, int>);

constexpr Token first{0};
constexpr Token second{1};
constexpr std::string_view hello_world = "Hello world!";
constexpr std::string_view hello_mars = "Hello mars!";

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
            const auto got = ::recv(peer.fd(), buffer.data(), buffer.size(), 0);
            if (got <= 0) return; // the end, or a reset
            plain::write_all(peer, {buffer.data(), static_cast<std::size_t>(got)});
        }
    }

    plain::Socket listener_;
    SocketAddress address_;
    std::jthread thread_;
};

std::string read_up_to(const TcpStream& stream, std::size_t size) {
    std::vector<std::byte> buffer(size);
    const auto got = must(stream.read(buffer), "read");
    return std::string(text_of(std::span(buffer).first(got)));
}

std::string peek_up_to(const TcpStream& stream, std::size_t size) {
    std::vector<std::byte> buffer(size);
    const auto got = must(stream.peek(buffer), "peek");
    return std::string(text_of(std::span(buffer).first(got)));
}

bool read_would_block(const TcpStream& stream) {
    std::array<std::byte, 16> buffer;
    return blocks(stream.read(buffer));
}

bool peek_would_block(const TcpStream& stream) {
    std::array<std::byte, 16> buffer;
    return blocks(stream.peek(buffer));
}

// Everything that is done with a stream, in one go.
void expect_to_work(TcpStream stream, const SocketAddress& server) {
    Loop loop;
    EXPECT_TRUE(is_non_blocking(stream.raw()));
    EXPECT_TRUE(is_close_on_exec(stream.raw()));
    ASSERT_TRUE(ok(loop.registry().add(stream, first, read_write)));
    loop.expect({{first, Readiness::writable}});
    EXPECT_TRUE(must(stream.finish_connect()));

    // Nothing has come yet.
    EXPECT_TRUE(peek_would_block(stream));
    EXPECT_TRUE(read_would_block(stream));
    EXPECT_EQ(must(stream.peer_address()), server);
    EXPECT_TRUE(must(stream.local_address()).ip().is_loopback());

    // One message there and back.
    EXPECT_EQ(must(stream.write(bytes_of(hello_world))), hello_world.size());
    loop.expect({{first, Readiness::readable}});
    EXPECT_EQ(peek_up_to(stream, 128), hello_world);
    EXPECT_EQ(read_up_to(stream, 128), hello_world);
    EXPECT_FALSE(must(stream.take_error()));
    EXPECT_TRUE(read_would_block(stream));

    // Two messages in one call, in both directions.
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
    EXPECT_EQ(two[11], std::byte{2}) << "what was not filled is untouched";
}

TEST(TcpStream, ConnectsWritesAndReads) {
    const EchoServer server(local_v4());
    expect_to_work(must(TcpStream::connect(server.address())), server.address());
}

TEST(TcpStream, ConnectsWritesAndReadsOverIpv6) {
    const EchoServer server(local_v6());
    expect_to_work(must(TcpStream::connect(server.address())), server.address());
}

TEST(TcpStream, TakesOverAStreamMadeElsewhere) {
    const EchoServer server(local_v4());
    auto made_elsewhere = plain::connect(server.address());
    made_elsewhere.set_non_blocking();
    expect_to_work(TcpStream::from_raw(made_elsewhere.release()), server.address());
}

TEST(TcpStream, TakesAHandleAsItIs) {
    const auto listener = plain::listen(local_v4());
    auto blocking = plain::connect(plain::address_of(listener));
    const auto stream = TcpStream::from_raw(blocking.release());
    EXPECT_FALSE(is_non_blocking(stream.raw()));
}

// Connecting.

TEST(TcpStream, ConnectingToAddressesThatCannotBeReachedFailsAtOnce) {
    const DescriptorGuard guard;
    EXPECT_FALSE(TcpStream::connect(must(SocketAddress::parse("255.255.255.255:80"))));
    EXPECT_FALSE(TcpStream::connect(must(SocketAddress::parse("224.0.0.1:80"))));
    EXPECT_FALSE(TcpStream::connect(must(SocketAddress::parse("[ff02::1]:80"))));
}

TEST(TcpStream, IsNotMadeWhenDescriptorsAreExhausted) {
    EXPECT_TRUE(holds_in_child([] {
        for (const auto& ip : {IpAddress::loopback_v4(), IpAddress::loopback_v6()}) {
            EXPECT_TRUE(fails_with(without_descriptors([&] { return TcpStream::connect({ip, 80}); }),
                                   std::errc::too_many_files_open));
        }
    }));
}

TEST(TcpStream, IsConnectedAfterItsFirstWritableEvent) {
    Loop loop;
    const auto listener = plain::listen(local_v4());
    auto stream = must(TcpStream::connect(plain::address_of(listener)));
    ASSERT_TRUE(ok(loop.registry().add(stream, first, Interest::writable)));
    loop.expect({{first, Readiness::writable}});
    EXPECT_TRUE(must(stream.finish_connect()));
    EXPECT_TRUE(must(stream.finish_connect())) << "asking twice changes nothing";
}

TEST(TcpStream, StaysConnectedForFinishConnectWhenThePeerCloses) {
    auto [stream, peer] = plain_pair();
    peer.close();
    plain::await(stream.raw(), POLLRDHUP);
    EXPECT_TRUE(must(stream.finish_connect()));
}

TEST(TcpStream, IsStillConnectingUntilTheListenerHasRoom) {
    Loop loop;
    const auto full = full_listener();
    auto stream = must(TcpStream::connect(full.address));
    ASSERT_TRUE(ok(loop.registry().add(stream, first, read_write)));
    loop.expect_none();

    // Neither connected nor failed, however often it is asked.
    for (int round = 0; round < 3; ++round) EXPECT_FALSE(must(stream.finish_connect()));
    EXPECT_TRUE(fails_with(stream.peer_address(), std::errc::not_connected));
    EXPECT_FALSE(must(stream.take_error()));
    EXPECT_FALSE(must(stream.finish_connect())) << "there was no error to take";

    // Reading and writing have to wait, which is not a failure.
    EXPECT_TRUE(read_would_block(stream));
    EXPECT_TRUE(blocks(stream.write(bytes_of("too early"))));
    EXPECT_FALSE(must(stream.finish_connect()));

    // Once the queue has room, the kernel's next attempt succeeds: after a second.
    const auto taken = plain::accept(full.listener);
    plain::await(stream.raw(), POLLOUT);
    loop.expect({{first, Readiness::writable}});
    EXPECT_TRUE(must(stream.finish_connect()));
    EXPECT_EQ(must(stream.peer_address()), full.address);
}

TEST(TcpStream, TellsWhyItWasRefused) {
    const auto nobody = refusing_port();
    const auto stream = refused_stream(nobody);
    EXPECT_TRUE(fails_with(stream.finish_connect(), std::errc::connection_refused));
}

TEST(TcpStream, TellsWhyItWasRefusedOverIpv6) {
    const auto nobody = refusing_port(local_v6());
    const auto stream = refused_stream(nobody);
    EXPECT_TRUE(fails_with(stream.finish_connect(), std::errc::connection_refused));
}

TEST(TcpStream, StaysFailedAfterFinishConnectTookTheError) {
    const auto nobody = refusing_port();
    const auto stream = refused_stream(nobody);
    EXPECT_TRUE(fails_with(stream.finish_connect(), std::errc::connection_refused));
    for (int round = 0; round < 3; ++round) {
        const auto finished = stream.finish_connect();
        ASSERT_FALSE(finished) << "said " << *finished << ", but the attempt is over";
        EXPECT_FALSE(mio::would_block(finished.error()));
    }
}

TEST(TcpStream, StaysFailedAfterTakeErrorTookTheError) {
    const auto nobody = refusing_port();
    const auto stream = refused_stream(nobody);
    EXPECT_EQ(must(stream.take_error()), std::errc::connection_refused);
    EXPECT_FALSE(must(stream.take_error())) << "an error is reported once";
    const auto finished = stream.finish_connect();
    ASSERT_FALSE(finished) << "said " << *finished << ", but the attempt is over";
    EXPECT_FALSE(mio::would_block(finished.error()));
    EXPECT_TRUE(fails_with(stream.peer_address(), std::errc::not_connected));
}

TEST(TcpStream, StaysFailedAfterReadTookTheError) {
    const auto nobody = refusing_port();
    const auto stream = refused_stream(nobody);
    std::array<std::byte, 1> buffer;
    EXPECT_TRUE(fails_with(stream.read(buffer), std::errc::connection_refused));
    EXPECT_FALSE(stream.finish_connect());
}

TEST(TcpStream, ThatNeverBeganToConnectIsNotConnecting) {
    auto socket = must(TcpSocket::v4());
    const auto stream = TcpStream::from_raw(socket.release());
    EXPECT_TRUE(fails_with(stream.finish_connect(), std::errc::not_connected));
    EXPECT_TRUE(fails_with(stream.peer_address(), std::errc::not_connected));
    EXPECT_TRUE(fails_with(stream.shutdown(Shutdown::both), std::errc::not_connected));
}

TEST(TcpStream, ThatWasResetFailsToFinish) {
    auto [stream, peer] = plain_pair();
    set_linger_zero(peer.fd());
    peer.close();
    plain::await(stream.raw(), POLLHUP);
    EXPECT_TRUE(fails_with(stream.finish_connect(), std::errc::connection_reset));
    EXPECT_FALSE(stream.finish_connect()) << "also after the error was taken";
}

TEST(TcpStream, FinishConnectNeedsASocket) {
    const auto nothing = TcpStream::from_raw(mio::invalid_handle);
    EXPECT_TRUE(fails_with(nothing.finish_connect(), std::errc::bad_file_descriptor));
    auto [reading, writing] = plain::pipe();
    const auto no_socket = TcpStream::from_raw(reading.release());
    EXPECT_TRUE(fails_with(no_socket.finish_connect(), std::errc::not_a_socket));
    EXPECT_TRUE(fails_with(no_socket.take_error(), std::errc::not_a_socket));
}

// Reading and writing.

TEST(TcpStream, WritesNoMoreThanThereIsRoomForAndLosesNothing) {
    Loop loop;
    auto [stream, peer] = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(stream, first, Interest::writable)));
    loop.expect({{first, Readiness::writable}});

    // The peer does not read: first writes are short, then they would block.
    const std::string data = pattern(32 * 1024 * 1024);
    const auto short_write = must(stream.write(bytes_of(data)));
    EXPECT_GT(short_write, 0u);
    EXPECT_LT(short_write, data.size());
    std::size_t total = short_write;
    while (true) {
        const auto written = stream.write(bytes_of(std::string_view(data).substr(total)));
        if (!written) {
            EXPECT_TRUE(mio::would_block(written.error()));
            EXPECT_EQ(written.error().category(), mio::os_category());
            break;
        }
        total += *written;
        ASSERT_LT(total, data.size());
    }
    EXPECT_TRUE(blocks(stream.write(bytes_of("x"))));
    const std::array<IoSlice, 1> one{bytes_of("x")};
    EXPECT_TRUE(blocks(stream.write_vectored(one)));

    // It reads: there is room again, which an event tells, and the rest goes out.
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

TEST(TcpStream, WritesVectoredNoMoreThanThereIsRoomForAndLosesNothing) {
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
            EXPECT_LT(total, half) << "nobody has read anything yet";
            reading = std::jthread([&] { received = plain::read_exactly(peer, data.size()); });
        }
        plain::await(stream.raw(), POLLOUT);
    }
    reading.join();
    EXPECT_TRUE(was_short);
    EXPECT_TRUE(received == data);
}

TEST(TcpStream, ReadsUntilTheEnd) {
    auto [stream, peer] = plain_pair();
    plain::write_all(peer, "the end");
    peer.close();
    plain::await(stream.raw(), POLLRDHUP);
    EXPECT_EQ(read_up_to(stream, 3), "the");
    EXPECT_EQ(read_up_to(stream, 100), " end");
    for (int round = 0; round < 3; ++round)
        EXPECT_EQ(read_up_to(stream, 100), "") << "the end is there to stay";
    EXPECT_EQ(peek_up_to(stream, 100), "");
}

TEST(TcpStream, HasNothingToReadIsNotAFailure) {
    const auto pair = tcp_pair();
    std::array<std::byte, 8> buffer;
    const auto got = pair.client.read(buffer);
    ASSERT_FALSE(got);
    EXPECT_TRUE(mio::would_block(got.error()));
    EXPECT_FALSE(mio::interrupted(got.error()));
    EXPECT_FALSE(mio::in_progress(got.error()));
    EXPECT_EQ(got.error(), std::errc::resource_unavailable_try_again);
    EXPECT_FALSE(must(pair.client.take_error())) << "nor does it leave one behind";
    EXPECT_TRUE(must(pair.client.finish_connect()));
}

TEST(TcpStream, PeeksAtWhatItReadsAfterwards) {
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

TEST(TcpStream, TakesEmptyBuffersForWhatTheyAre) {
    auto [stream, peer] = plain_pair();
    plain::write_all(peer, "data");
    plain::await(stream.raw(), POLLIN);

    // Nothing is read and nothing written, and nothing lost.
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
    EXPECT_EQ(::recv(peer.fd(), &byte, 1, 0), -1);
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

TEST(TcpStream, TakesAnyNumberOfBuffersAndUsesAsManyAsTheSystemDoes) {
    for (const std::size_t count : {1u, 2u, 1023u, 1024u, 1025u, 2048u, 5000u}) {
        auto [stream, peer] = plain_pair();
        const std::size_t used = std::min<std::size_t>(count, IOV_MAX);
        const std::string data = pattern(count, 7);

        std::vector<IoSlice> slices;
        for (std::size_t i = 0; i < count; ++i)
            slices.emplace_back(bytes_of(std::string_view(data).substr(i, 1)));
        ASSERT_EQ(must(stream.write_vectored(slices)), used) << count;
        EXPECT_EQ(plain::read_exactly(peer, used), data.substr(0, used)) << count;

        plain::write_all(peer, data);
        while (peek_up_to(stream, count).size() < count) plain::await(stream.raw(), POLLIN);
        std::vector<std::byte> bytes(count, std::byte{0xee});
        std::vector<IoSliceMut> places;
        for (std::size_t i = 0; i < count; ++i) places.emplace_back(std::span(bytes).subspan(i, 1));
        ASSERT_EQ(must(stream.read_vectored(places)), used) << count;
        EXPECT_EQ(text_of(std::span(bytes).first(used)), data.substr(0, used)) << count;
        EXPECT_TRUE(std::ranges::all_of(std::span(bytes).subspan(used),
                                        [](std::byte b) { return b == std::byte{0xee}; }));
        EXPECT_EQ(drain(stream), data.substr(used)) << count << ": the rest stays to be read";
    }
}

TEST(TcpStream, RemembersTheMemoryOfItsSlices) {
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

TEST(TcpStream, FailsToReadAndWriteWithoutAConnection) {
    auto socket = must(TcpSocket::v4());
    const auto stream = TcpStream::from_raw(socket.release());
    std::array<std::byte, 1> buffer;
    EXPECT_TRUE(fails_with(stream.read(buffer), std::errc::not_connected));
    EXPECT_TRUE(fails_with(stream.peek(buffer), std::errc::not_connected));
    EXPECT_TRUE(fails_with(stream.write(buffer), std::errc::broken_pipe)); // as Linux has it
}

TEST(TcpStream, ReadsThatTheConnectionWasReset) {
    auto [stream, peer] = plain_pair();
    set_linger_zero(peer.fd());
    peer.close();
    plain::await(stream.raw(), POLLHUP);
    std::array<std::byte, 8> buffer;
    EXPECT_TRUE(fails_with(stream.read(buffer), std::errc::connection_reset));
    EXPECT_EQ(must(stream.read(buffer)), 0u) << "once it was told, what remains is the end";
}

TEST(TcpStream, DoesNotRetryWhatASignalInterrupted) {
    if (!can_forbid_system_calls()) GTEST_SKIP() << "no system call filters here";
    EXPECT_TRUE(holds_in_child([] {
        const auto pair = tcp_pair();
        ASSERT_EQ(must(pair.server.write(bytes_of("data"))), 4u);
        ASSERT_TRUE(forbid_system_call(SYS_recvfrom, EINTR));
        std::array<std::byte, 8> buffer;
        const auto got = pair.client.read(buffer);
        ASSERT_FALSE(got);
        EXPECT_TRUE(mio::interrupted(got.error()));
    }));
}

// SIGPIPE.

template <class Write> void expect_broken_pipe_and_to_live(Write write) {
    EXPECT_TRUE(holds_in_child([&] {
        // The signal would kill.
        struct ::sigaction action{};
        ASSERT_EQ(::sigaction(SIGPIPE, nullptr, &action), 0);
        action.sa_handler = SIG_DFL;
        ASSERT_EQ(::sigaction(SIGPIPE, &action, nullptr), 0);

        auto [stream, peer] = plain_pair();
        peer.close();
        // The first write that arrives provokes a reset, which the next one or the one after it meets.
        mio::Result<std::size_t> written = 1;
        for (int round = 0; round < 100 && written; ++round) {
            written = write(stream);
            plain::await(stream.raw(), POLLHUP);
        }
        ASSERT_FALSE(written);
        EXPECT_TRUE(written.error() == std::errc::broken_pipe
                    || written.error() == std::errc::connection_reset)
            << written.error().message();
        EXPECT_TRUE(fails_with(write(stream), std::errc::broken_pipe));
        EXPECT_TRUE(fails_with(write(stream), std::errc::broken_pipe));
    }));
}

TEST(TcpStream, WritingToAClosedPeerIsAnErrorAndNoSignal) {
    expect_broken_pipe_and_to_live(
        [](const TcpStream& stream) { return stream.write(bytes_of("anybody?")); });
}

TEST(TcpStream, WritingVectoredToAClosedPeerIsAnErrorAndNoSignal) {
    expect_broken_pipe_and_to_live([](const TcpStream& stream) {
        const std::array<IoSlice, 2> parts{bytes_of("any"), bytes_of("body?")};
        return stream.write_vectored(parts);
    });
}

TEST(TcpStream, WritingAfterShuttingDownIsAnErrorAndNoSignal) {
    EXPECT_TRUE(holds_in_child([] {
        ASSERT_NE(::signal(SIGPIPE, SIG_DFL), SIG_ERR);
        const auto pair = tcp_pair();
        ASSERT_TRUE(ok(pair.client.shutdown(Shutdown::write)));
        EXPECT_TRUE(fails_with(pair.client.write(bytes_of("x")), std::errc::broken_pipe));
        const std::array<IoSlice, 1> part{bytes_of("x")};
        EXPECT_TRUE(fails_with(pair.client.write_vectored(part), std::errc::broken_pipe));
    }));
}

// Shutting down.

TEST(TcpStream, WithReadingShutDownReadsWhatHadComeAndThenTheEnd) {
    auto [stream, peer] = plain_pair();
    plain::write_all(peer, hello_mars);
    plain::await(stream.raw(), POLLIN);
    ASSERT_TRUE(ok(stream.shutdown(Shutdown::read)));
    EXPECT_EQ(read_up_to(stream, 100), hello_mars); // as Linux has it
    EXPECT_EQ(read_up_to(stream, 100), "");

    // The other direction goes on.
    EXPECT_EQ(must(stream.write(bytes_of("still here"))), 10u);
    EXPECT_EQ(plain::read_exactly(peer, 10), "still here");
}

TEST(TcpStream, WithWritingShutDownIsReadToTheEndByThePeerAndGoesOnReading) {
    Loop loop;
    auto [stream, peer] = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(stream, first, read_write)));
    loop.expect({{first, Readiness::writable}});
    ASSERT_EQ(must(stream.write(bytes_of(hello_world))), hello_world.size());
    ASSERT_TRUE(ok(stream.shutdown(Shutdown::write)));
    EXPECT_TRUE(fails_with(stream.write(bytes_of(hello_mars)), std::errc::broken_pipe));
    EXPECT_EQ(plain::read_exactly(peer, 100), hello_world) << "what was written arrives, then the end";

    plain::write_all(peer, hello_mars);
    loop.expect({{first, Readiness::readable}});
    EXPECT_EQ(read_up_to(stream, 100), hello_mars);
    EXPECT_TRUE(read_would_block(stream));
}

TEST(TcpStream, WithBothShutDownNeitherWritesNorWaits) {
    auto [stream, peer] = plain_pair();
    plain::write_all(peer, hello_world);
    plain::await(stream.raw(), POLLIN);
    ASSERT_TRUE(ok(stream.shutdown(Shutdown::both)));
    EXPECT_TRUE(fails_with(stream.write(bytes_of(hello_mars)), std::errc::broken_pipe));
    EXPECT_EQ(read_up_to(stream, 100), hello_world); // as Linux has it
    EXPECT_EQ(read_up_to(stream, 100), "");
    EXPECT_EQ(plain::read_exactly(peer, 1), "");
}

TEST(TcpStream, IsShutDownForEveryDuplicateOfItsHandle) {
    const auto pair = tcp_pair();
    const auto duplicate = TcpStream::from_raw(::fcntl(pair.client.raw(), F_DUPFD_CLOEXEC, 0));
    ASSERT_TRUE(ok(pair.client.shutdown(Shutdown::write)));
    EXPECT_TRUE(fails_with(duplicate.write(bytes_of("x")), std::errc::broken_pipe));
}

TEST(TcpStream, ShutDownWhileConnectingIsNotConnectingAnyMore) {
    const auto full = full_listener();
    for (const auto how : {Shutdown::read, Shutdown::write, Shutdown::both}) {
        const auto stream = must(TcpStream::connect(full.address));
        EXPECT_FALSE(must(stream.finish_connect()));
        EXPECT_TRUE(ok(stream.shutdown(how))); // as Linux has it
        const auto finished = stream.finish_connect();
        EXPECT_FALSE(finished) << "said " << *finished << ", but the attempt is over";
    }
}

TEST(TcpStream, CannotBeShutDownWhenItFailedToConnect) {
    for (const auto how : {Shutdown::read, Shutdown::write, Shutdown::both}) {
        const auto failed = refused_stream(refusing_port());
        EXPECT_TRUE(fails_with(failed.shutdown(how), std::errc::not_connected));
    }
}

// Options and addresses.

TEST(TcpStream, KeepsTheLifetimeOfPacketsThatIsSet) {
    for (const auto& at : {local_v4(), local_v6()}) {
        const auto pair = tcp_pair(at);
        for (const std::uint32_t hops : {1u, 10u, 255u}) {
            ASSERT_TRUE(ok(pair.client.set_ttl(hops)));
            EXPECT_EQ(must(pair.client.ttl()), hops);
            int native = 0;
            ::socklen_t length = sizeof native;
            const bool v4 = at.ip().is_v4();
            EXPECT_EQ(::getsockopt(pair.client.raw(), v4 ? IPPROTO_IP : IPPROTO_IPV6,
                                   v4 ? IP_TTL : IPV6_UNICAST_HOPS, &native, &length),
                      0);
            EXPECT_EQ(native, static_cast<int>(hops));
        }
        EXPECT_FALSE(must(pair.client.take_error()));
        EXPECT_NE(must(pair.server.ttl()), 0u);
    }
}

TEST(TcpStream, HasALifetimeOfPacketsWithoutOneBeingSet) {
    for (const auto& at : {local_v4(), local_v6()}) {
        const auto pair = tcp_pair(at);
        const auto hops = must(pair.client.ttl());
        EXPECT_GE(hops, 1u);
        EXPECT_LE(hops, 255u);
        EXPECT_FALSE(must(pair.client.take_error()));
    }
}

TEST(TcpStream, RefusesLifetimesOfPacketsThatNoPacketCanHave) {
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

TEST(TcpStream, KeepsNodelayAsItIsSet) {
    const auto pair = tcp_pair();
    EXPECT_FALSE(must(pair.client.nodelay())) << "by default small writes are gathered";
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

TEST(TcpStream, KnowsItsPortAsThePeerDoes) {
    auto [stream, peer] = plain_pair();
    ::sockaddr_in native{};
    ::socklen_t length = sizeof native;
    ASSERT_EQ(::getpeername(peer.fd(), reinterpret_cast<::sockaddr*>(&native), &length), 0);
    EXPECT_EQ(must(stream.local_address()).port(), ntohs(native.sin_port));
}

TEST(TcpStream, HasNoAddressesOnceItsHandleIsGone) {
    const auto nothing = TcpStream::from_raw(mio::invalid_handle);
    EXPECT_TRUE(fails_with(nothing.peer_address(), std::errc::bad_file_descriptor));
    EXPECT_TRUE(fails_with(nothing.local_address(), std::errc::bad_file_descriptor));
    EXPECT_TRUE(fails_with(nothing.ttl(), std::errc::bad_file_descriptor));
    EXPECT_TRUE(fails_with(nothing.set_ttl(10), std::errc::bad_file_descriptor));
    EXPECT_TRUE(fails_with(nothing.nodelay(), std::errc::bad_file_descriptor));
    EXPECT_TRUE(fails_with(nothing.set_nodelay(true), std::errc::bad_file_descriptor));
    EXPECT_TRUE(fails_with(nothing.shutdown(Shutdown::both), std::errc::bad_file_descriptor));
    EXPECT_TRUE(fails_with(nothing.write(bytes_of("x")), std::errc::bad_file_descriptor));
}

TEST(TcpStream, HasNoAddressOfAForeignFamily) {
    auto [one, two] = plain::socket_pair();
    const auto stream = TcpStream::from_raw(one.release());
    EXPECT_TRUE(fails_with(stream.peer_address(), mio::Errc::invalid_address));
    EXPECT_TRUE(fails_with(stream.local_address(), mio::Errc::invalid_address));
}

// Handles.

TEST(TcpStream, KeepsItsHandleOnTheWayOutAndIn) {
    auto [stream, peer] = plain_pair();
    const auto address = must(stream.local_address());
    const auto raw = stream.raw();
    EXPECT_EQ(stream.release(), raw);
    EXPECT_EQ(stream.raw(), mio::invalid_handle);
    const auto rebuilt = TcpStream::from_raw(raw);
    EXPECT_EQ(rebuilt.raw(), raw);
    EXPECT_EQ(must(rebuilt.local_address()), address);
    EXPECT_TRUE(is_non_blocking(raw));
}

TEST(TcpStream, DoesNotCloseAHandleThatItReleased) {
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

TEST(TcpStream, TryIoGivesWhatTheOperationGave) {
    auto [stream, peer] = plain_pair();
    const auto receive = [&stream]() -> mio::Result<std::size_t> {
        char byte = 0;
        const auto got = ::recv(stream.raw(), &byte, 1, 0);
        if (got == -1) return std::unexpected(std::error_code(errno, mio::os_category()));
        return static_cast<std::size_t>(got);
    };
    EXPECT_TRUE(blocks(stream.try_io(receive)));
    EXPECT_TRUE(blocks(stream.try_io(Interest::readable, receive)));
    plain::write_all(peer, "ab");
    plain::await(stream.raw(), POLLIN);
    EXPECT_EQ(must(stream.try_io(receive)), 1u);
    EXPECT_EQ(must(stream.try_io(Interest::readable, receive)), 1u);
    EXPECT_TRUE(blocks(stream.try_io(receive)));

    // Any kind of result and any error pass through, and the operation runs once.
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

TEST(TcpStream, TryIoThatWouldBlockLetsTheNextEventCome) {
    for (const bool one_direction : {false, true}) {
        Loop loop;
        auto [stream, peer] = plain_pair();
        ASSERT_TRUE(ok(loop.registry().add(stream, first, Interest::readable)));
        const auto receive = [&stream]() -> mio::Result<char> {
            char byte = 0;
            if (::recv(stream.raw(), &byte, 1, 0) == 1) return byte;
            return std::unexpected(std::error_code(errno, mio::os_category()));
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

TEST(TcpStream, ReportsNothingToReadWhenNothingCame) {
    Loop loop;
    const EchoServer server(local_v4());
    auto stream = must(TcpStream::connect(server.address()));
    ASSERT_TRUE(ok(loop.registry().add(stream, first, Interest::readable)));
    loop.expect_none();
}

TEST(TcpStream, ReportsUnderTheTokenAndInterestItWasModifiedTo) {
    Loop loop;
    const EchoServer server(local_v4());
    auto stream = must(TcpStream::connect(server.address()));
    ASSERT_TRUE(ok(loop.registry().add(stream, first, Interest::readable)));
    ASSERT_TRUE(ok(loop.registry().modify(stream, second, Interest::writable)));
    loop.expect({{second, Readiness::writable}});
    EXPECT_EQ(must(stream.peer_address()), server.address());
}

TEST(TcpStream, ReportsNothingAfterItIsRemoved) {
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

TEST(TcpStream, ReportsThatReadingWasShutDownHere) {
    Loop loop;
    auto [stream, peer] = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(stream, first, read_write)));
    loop.expect({{first, Readiness::writable}});
    ASSERT_TRUE(ok(stream.shutdown(Shutdown::read)));
    loop.expect({{first, Readiness::read_closed}});
}

TEST(TcpStream, ReportsThatBothDirectionsWereShutDownHere) {
    Loop loop;
    auto [stream, peer] = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(stream, first, read_write)));
    loop.expect({{first, Readiness::writable}});
    ASSERT_TRUE(ok(stream.shutdown(Shutdown::both)));
    loop.expect({{first, Readiness::write_closed}});
}

TEST(TcpStream, ReportsThatThePeerShutDownWriting) {
    Loop loop;
    auto [stream, peer] = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(stream, first, read_write)));
    loop.expect({{first, Readiness::writable}});
    ASSERT_EQ(::shutdown(peer.fd(), SHUT_WR), 0);
    loop.expect({{first, Readiness::read_closed}});
}

TEST(TcpStream, ReportsAResetAndThenFallsSilent) {
    Loop loop;
    auto [stream, peer] = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(stream, first, read_write)));
    loop.expect({{first, Readiness::writable}});
    ASSERT_EQ(must(stream.write(bytes_of(hello_world))), hello_world.size());
    EXPECT_TRUE(read_would_block(stream));

    // Closing with something unread makes the peer's kernel send a reset.
    plain::await_readable(peer);
    peer.close();
    loop.expect({{first, Readiness::read_closed}});
    for (int round = 0;; ++round) {
        ASSERT_LT(round, 50) << "the events do not end";
        ASSERT_TRUE(ok(loop.poll.poll(loop.events, 100ms)));
        if (loop.events.empty()) break;
    }
}

TEST(TcpStream, ReportsToAReaderThatThePeerDisconnected) {
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

TEST(TcpStream, ReportsUrgentDataToThoseWhoAsked) {
    if (!differences.has_priority) GTEST_SKIP() << "no priority interest here";
    Loop loop;
    auto [stream, peer] = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(stream, first, Interest::readable | Interest::priority)));
    ASSERT_EQ(::send(peer.fd(), hello_world.data(), hello_world.size(), MSG_OOB),
              ssize_t{hello_world.size()});
    loop.expect({{first, Readiness::readable | Readiness::priority}});

    // The last byte is the urgent one and travels beside the others.
    EXPECT_EQ(read_up_to(stream, 100), "Hello world");
    char urgent = 0;
    EXPECT_EQ(::recv(stream.raw(), &urgent, 1, MSG_OOB), 1);
    EXPECT_EQ(urgent, '!');
}

TEST(TcpStream, PeekingDoesNotConsumeTheEvent) {
    Loop loop;
    auto [stream, peer] = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(stream, first, Interest::readable)));
    loop.expect_none();
    plain::write_all(peer, "x");
    plain::await(stream.raw(), POLLIN);
    EXPECT_EQ(peek_up_to(stream, 2), "x");
    loop.expect({{first, Readiness::readable}});
}

TEST(TcpStream, ReportsAgainAfterPeekingWouldHaveBlocked) {
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

TEST(TcpStream, ReportsAgainAfterReadingAndPeekingWouldHaveBlocked) {
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

TEST(TcpStream, OneShotReportsOnceUntilModified) {
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

TEST(TcpStream, ByLevelReportsUntilEverythingIsRead) {
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

// Several threads.

TEST(TcpStream, IsReadAndWrittenByTwoThreadsAtOnce) {
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

} // namespace
