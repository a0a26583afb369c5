// Reads that return less than they asked for, although more is there.

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "../async.hpp"

namespace {

using namespace std::chrono_literals;
using namespace test;
using mio::Result;

/// Reads into a large buffer until `text` has arrived.
template <class Stream> Task<> expect_text(Stream& stream, std::string_view text) {
    std::string arrived;
    std::array<std::byte, 64> buffer{};
    while (arrived.size() < text.size()) {
        const auto got = co_await async::timeout(5s, stream.read(buffer));
        EXPECT_TRUE(ok(got)) << "after \"" << arrived << '"';
        if (!got || *got == 0) break;
        arrived += text_of(std::span(buffer).first(*got));
    }
    EXPECT_EQ(arrived, text);
}

/// The reader waits for `text`; then `send` sends all of it before the loop polls.
template <class Stream, class Send> Task<> send_to_waiting(Stream& stream, std::string_view text, Send send) {
    auto later = [](Send& now) -> Task<> {
        co_await async::yield();
        now();
    };
    // Twice: what is learned from the first event must last.
    for (int i = 0; i < 2; ++i) co_await async::when_all(expect_text(stream, text), later(send));
}

void send_bytes(mio::RawHandle to, std::string_view bytes, int flags = 0) {
    EXPECT_EQ(::send(to, bytes.data(), bytes.size(), flags), static_cast<::ssize_t>(bytes.size()));
}

Task<std::pair<async::TcpStream, async::TcpStream>> connection() {
    auto listener = must(async::TcpListener::bind(must(mio::net::SocketAddress::parse("127.0.0.1:0"))));
    auto [client, server] = co_await async::when_all(
        async::TcpStream::connect(must(listener.local_address())), listener.accept());
    co_return std::pair(must(std::move(client)), must(std::move(server)));
}

void send_around_urgent_byte(async::TcpStream& from) {
    send_bytes(from.source().raw(), "abc");
    send_bytes(from.source().raw(), "!", MSG_OOB); // a read stops before it, and skips it
    send_bytes(from.source().raw(), "def");
}

TEST(ShortRead, TcpReadsTheDataBehindAnUrgentByte) {
    run_alone([]() -> Task<> {
        auto [client, server] = co_await connection();
        co_await send_to_waiting(server, "abcdef", [&client] { send_around_urgent_byte(client); });
    }());
}

TEST(ShortRead, TcpReadsTheDataBehindAnUrgentByteAlsoIfItWatchesReadingOnly) {
    run_alone([]() -> Task<> {
        auto [client, both] = co_await connection();
        async::TcpStream server(std::move(both).into_source(), mio::Interest::readable);
        co_await send_to_waiting(server, "abcdef", [&client] { send_around_urgent_byte(client); });
    }());
}

TEST(ShortRead, ReadExactReadsTheDataBehindAnUrgentByte) {
    run_alone([]() -> Task<> {
        auto [client, server] = co_await connection();
        auto read = [](async::TcpStream& from) -> Task<> {
            std::array<std::byte, 6> buffer{};
            EXPECT_EQ((co_await async::timeout(5s, from.read_exact(buffer))).count(), 6u);
            EXPECT_EQ(text_of(buffer), "abcdef");
        };
        auto send = [](async::TcpStream& from) -> Task<> {
            co_await async::yield();
            send_around_urgent_byte(from);
        };
        co_await async::when_all(read(server), send(client));
    }());
}

TEST(ShortRead, UnixReadsTheDataBehindPassedDescriptors) {
    run_alone([]() -> Task<> {
        auto [stream, peer] = must(async::UnixStream::pair());
        co_await send_to_waiting(peer, "abcd", [&stream] {
            const std::array fds{stream.source().raw()};
            EXPECT_EQ(must(stream.source().send_with_fds(bytes_of("ab"), fds)), 2u);
            EXPECT_EQ(must(stream.source().write(bytes_of("cd"))), 2u);
        });
    }());
}

TEST(ShortRead, SocketReadsEachMessage) {
    run_alone([]() -> Task<> {
        auto [first, second] = must(mio::net::Socket::pair(AF_UNIX, SOCK_DGRAM));
        async::ByteStream<mio::net::Socket> receiver(std::move(second));
        co_await send_to_waiting(receiver, "abcd", [&first] {
            send_bytes(first.raw(), "ab");
            send_bytes(first.raw(), "cd");
        });
    }());
}

/// Moves a few bytes at a time.
struct Throttled : mio::net::TcpStream {
    explicit Throttled(mio::net::TcpStream&& stream) noexcept : TcpStream(std::move(stream)) {}
    Result<std::size_t> read(std::span<std::byte> buffer) const noexcept {
        return TcpStream::read(buffer.first(std::min<std::size_t>(buffer.size(), 2)));
    }
    Result<std::size_t> write(std::span<const std::byte> bytes) const noexcept {
        return TcpStream::write(bytes.first(std::min<std::size_t>(bytes.size(), 2)));
    }
};

TEST(ShortRead, ASourceOfTheProgramMayReadAndWriteLessThanItIsAskedTo) {
    run_alone([]() -> Task<> {
        auto [client, server] = co_await connection();
        async::ByteStream<Throttled> throttled(Throttled(std::move(client).into_source()));
        co_await send_to_waiting(throttled, "abcdef",
                                 [&server] { send_bytes(server.source().raw(), "abcdef"); });
        EXPECT_EQ((co_await async::timeout(5s, throttled.write_all(bytes_of("abcdef")))).count(), 6u);
        co_await expect_text(server, "abcdef");
    }());
}

#if defined(__linux__)
TEST(ShortRead, PipeReadsEachPacket) {
    run_alone([]() -> Task<> {
        int ends[2];
        EXPECT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK | O_DIRECT), 0);
        async::PipeReceiver receiver(mio::net::PipeReceiver::from_raw(ends[0]));
        const auto sender = mio::net::PipeSender::from_raw(ends[1]);
        co_await send_to_waiting(receiver, "abcd", [&sender] {
            EXPECT_EQ(must(sender.write(bytes_of("ab"))), 2u);
            EXPECT_EQ(must(sender.write(bytes_of("cd"))), 2u);
        });
    }());
}
#endif

} // namespace
