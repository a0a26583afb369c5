#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "../stream.hpp"
#include "posix.hpp"

using namespace test;

namespace {

TEST(TcpStream, ConnectFailsWhenDescriptorsAreExhausted) {
    EXPECT_TRUE(holds_in_child([] {
        for (const auto& ip : {IpAddress::loopback_v4(), IpAddress::loopback_v6()}) {
            EXPECT_TRUE(fails_with(without_descriptors([&] { return TcpStream::connect({ip, 80}); }),
                                   std::errc::too_many_files_open));
        }
    }));
}

TEST(TcpStream, StaysConnectingWhileTheListenersQueueIsFull) {
    Loop loop;
    const auto full = full_listener();
    auto stream = must(TcpStream::connect(full.address));
    ASSERT_TRUE(ok(loop.registry().add(stream, first, read_write)));
    loop.expect_none();

    // Neither connected nor failed, even after repeated calls.
    for (int round = 0; round < 3; ++round) EXPECT_FALSE(must(stream.finish_connect()));
    EXPECT_TRUE(fails_with(stream.peer_address(), std::errc::not_connected));
    EXPECT_FALSE(must(stream.take_error()));
    EXPECT_FALSE(must(stream.finish_connect())) << "no error is pending";

    // Reading and writing would block.
    EXPECT_TRUE(read_would_block(stream));
    EXPECT_TRUE(blocks(stream.write(bytes_of("too early"))));
    EXPECT_FALSE(must(stream.finish_connect()));

    // Once the queue has space, the kernel's next attempt succeeds, after a second.
    const auto taken = plain::accept(full.listener);
    plain::await(stream.raw(), POLLOUT);
    loop.expect({{first, Readiness::writable}});
    EXPECT_TRUE(must(stream.finish_connect()));
    EXPECT_EQ(must(stream.peer_address()), full.address);
}

TEST(TcpStream, FinishConnectNeedsASocket) {
    const auto nothing = TcpStream::from_raw(mio::invalid_handle);
    EXPECT_TRUE(fails_with(nothing.finish_connect(), std::errc::bad_file_descriptor));
    auto [reading, writing] = plain::pipe();
    const auto no_socket = TcpStream::from_raw(reading.release());
    EXPECT_TRUE(fails_with(no_socket.finish_connect(), std::errc::not_a_socket));
    EXPECT_TRUE(fails_with(no_socket.take_error(), std::errc::not_a_socket));
}

TEST(TcpStream, AcceptsAnyNumberOfBuffersAndUsesTheSystemLimit) {
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
        EXPECT_EQ(drain(stream), data.substr(used)) << count << ": unread data stays available";
    }
}

TEST(TcpStream, ReadReportsConnectionReset) {
    auto [stream, peer] = plain_pair();
    set_linger_zero(peer.fd());
    peer.close();
    plain::await(stream.raw(), POLLHUP);
    std::array<std::byte, 8> buffer;
    EXPECT_TRUE(fails_with(stream.read(buffer), std::errc::connection_reset));
    EXPECT_EQ(must(stream.read(buffer)), 0u) << "after the error, reads return end of stream";
}

// SIGPIPE.

template <class Write> void expect_broken_pipe_and_to_live(Write write) {
    EXPECT_TRUE(holds_in_child([&] {
        // The signal would terminate the process.
        struct ::sigaction action{};
        ASSERT_EQ(::sigaction(SIGPIPE, nullptr, &action), 0);
        action.sa_handler = SIG_DFL;
        ASSERT_EQ(::sigaction(SIGPIPE, &action, nullptr), 0);

        auto [stream, peer] = plain_pair();
        peer.close();
        // The first write that arrives provokes a reset, which one of the next writes reports.
        mio::Result<std::size_t> written = 1;
        for (int round = 0; round < 100 && written; ++round) {
            written = write(stream);
            plain::await_end(stream.raw());
        }
        ASSERT_FALSE(written);
        EXPECT_TRUE(written.error() == std::errc::broken_pipe
                    || written.error() == std::errc::connection_reset)
            << written.error().message();
        EXPECT_TRUE(fails_with(write(stream), std::errc::broken_pipe));
        EXPECT_TRUE(fails_with(write(stream), std::errc::broken_pipe));
    }));
}

TEST(TcpStream, WritingToAClosedPeerFailsWithoutSignal) {
    expect_broken_pipe_and_to_live(
        [](const TcpStream& stream) { return stream.write(bytes_of("anybody?")); });
}

TEST(TcpStream, WriteVectoredToAClosedPeerFailsWithoutSignal) {
    expect_broken_pipe_and_to_live([](const TcpStream& stream) {
        const std::array<IoSlice, 2> parts{bytes_of("any"), bytes_of("body?")};
        return stream.write_vectored(parts);
    });
}

TEST(TcpStream, WritingAfterShutdownFailsWithoutSignal) {
    EXPECT_TRUE(holds_in_child([] {
        ASSERT_NE(::signal(SIGPIPE, SIG_DFL), SIG_ERR);
        const auto pair = tcp_pair();
        ASSERT_TRUE(ok(pair.client.shutdown(Shutdown::write)));
        EXPECT_TRUE(fails_with(pair.client.write(bytes_of("x")), std::errc::broken_pipe));
        const std::array<IoSlice, 1> part{bytes_of("x")};
        EXPECT_TRUE(fails_with(pair.client.write_vectored(part), std::errc::broken_pipe));
    }));
}

TEST(TcpStream, FinishConnectWithoutConnectIsNotConnected) {
    auto socket = must(TcpSocket::v4());
    const auto stream = TcpStream::from_raw(socket.release());
    EXPECT_TRUE(fails_with(stream.finish_connect(), std::errc::not_connected));
}

TEST(TcpStream, WouldBlockIsNotInProgress) {
    const auto pair = tcp_pair();
    std::array<std::byte, 8> buffer;
    const auto got = pair.client.read(buffer);
    ASSERT_FALSE(got);
    EXPECT_FALSE(mio::in_progress(got.error())); // Windows uses one code for both
}

TEST(TcpStream, WritingWithoutAConnectionIsBrokenPipe) {
    auto socket = must(TcpSocket::v4());
    const auto stream = TcpStream::from_raw(socket.release());
    EXPECT_TRUE(fails_with(stream.write(bytes_of("x")), std::errc::broken_pipe)); // on Linux
}

TEST(TcpStream, ShutdownReadReturnsReceivedDataThenEndOfStream) {
    auto [stream, peer] = plain_pair();
    plain::write_all(peer, hello_mars);
    plain::await(stream.raw(), POLLIN);
    ASSERT_TRUE(ok(stream.shutdown(Shutdown::read)));
    EXPECT_EQ(read_up_to(stream, 100), hello_mars); // on Linux
    EXPECT_EQ(read_up_to(stream, 100), "");

    // The other direction stays open.
    EXPECT_EQ(must(stream.write(bytes_of("still here"))), 10u);
    EXPECT_EQ(plain::read_exactly(peer, 10), "still here");
}

TEST(TcpStream, ShutdownBothFailsWritesAndEndsReading) {
    auto [stream, peer] = plain_pair();
    plain::write_all(peer, hello_world);
    plain::await(stream.raw(), POLLIN);
    ASSERT_TRUE(ok(stream.shutdown(Shutdown::both)));
    EXPECT_TRUE(fails_with(stream.write(bytes_of(hello_mars)), std::errc::broken_pipe));
    EXPECT_EQ(read_up_to(stream, 100), hello_world); // on Linux
    EXPECT_EQ(read_up_to(stream, 100), "");
    EXPECT_EQ(plain::read_exactly(peer, 1), "");
}

TEST(TcpStream, ShutdownAffectsDuplicateHandles) {
    const auto pair = tcp_pair();
    const auto duplicate = TcpStream::from_raw(::fcntl(pair.client.raw(), F_DUPFD_CLOEXEC, 0));
    ASSERT_TRUE(ok(pair.client.shutdown(Shutdown::write)));
    EXPECT_TRUE(fails_with(duplicate.write(bytes_of("x")), std::errc::broken_pipe));
}

TEST(TcpStream, ShutdownEndsConnecting) {
    const auto full = full_listener();
    for (const auto how : {Shutdown::read, Shutdown::write, Shutdown::both}) {
        const auto stream = must(TcpStream::connect(full.address));
        EXPECT_FALSE(must(stream.finish_connect()));
        EXPECT_TRUE(ok(stream.shutdown(how))); // on Linux
        const auto finished = stream.finish_connect();
        EXPECT_FALSE(finished) << "returned " << *finished << ", but the attempt has failed";
    }
}

TEST(TcpStream, AddressesOfOtherFamiliesFail) {
    auto [one, two] = plain::socket_pair();
    const auto stream = TcpStream::from_raw(one.release());
    EXPECT_TRUE(fails_with(stream.peer_address(), mio::Errc::invalid_address));
    EXPECT_TRUE(fails_with(stream.local_address(), mio::Errc::invalid_address));
}

TEST(TcpStream, ReportsLocalShutdownRead) {
    Loop loop;
    auto [stream, peer] = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(stream, first, read_write)));
    loop.expect({{first, Readiness::writable}});
    ASSERT_TRUE(ok(stream.shutdown(Shutdown::read)));
    loop.expect({{first, Readiness::read_closed}});
}

TEST(TcpStream, ReportsLocalShutdownBoth) {
    Loop loop;
    auto [stream, peer] = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(stream, first, read_write)));
    loop.expect({{first, Readiness::writable}});
    ASSERT_TRUE(ok(stream.shutdown(Shutdown::both)));
    loop.expect({{first, Readiness::write_closed}});
}

} // namespace
