// Sockets: echo, several waiters, ends of streams, cancellation and closing.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "async.hpp"

namespace {

using namespace std::chrono_literals;
using namespace test;
using mio::Result;
using mio::net::SocketAddress;
using mio::time::Clock;

SocketAddress any_port() { return must(SocketAddress::parse("127.0.0.1:0")); }

Task<> echo(async::TcpStream stream) {
    std::array<std::byte, 4096> buffer;
    while (true) {
        const auto got = co_await stream.read(buffer);
        if (!got || *got == 0) co_return;
        if (!co_await stream.write_all(std::span(buffer).first(*got))) co_return;
    }
}

Task<> serve(async::TcpListener& listener, async::Group& connections) {
    while (auto stream = co_await listener.accept()) connections.spawn(echo(std::move(*stream)));
}

struct Connection {
    async::TcpStream client, server;
};
Task<Connection> connection() {
    auto listener = must(async::TcpListener::bind(any_port()));
    auto [client, server] = co_await async::when_all(
        async::TcpStream::connect(must(listener.local_address())), listener.accept());
    co_return Connection(must(std::move(client)), must(std::move(server)));
}

/// Sends `size` bytes both ways at once, and counts what comes back.
Task<Result<std::size_t>> ask(SocketAddress peer, int rounds, std::size_t size) {
    auto stream = co_await async::TcpStream::connect(peer);
    if (!stream) co_return std::unexpected(stream.error());
    std::vector<std::byte> out(size, std::byte{7}), in(size);
    std::size_t total = 0;
    for (int i = 0; i < rounds; ++i) {
        auto [wrote, got] = co_await async::when_all(stream->write_all(out), stream->read_exact(in));
        if (!wrote) co_return std::unexpected(wrote.error());
        if (!got) co_return std::unexpected(got.error());
        EXPECT_EQ(in, out);
        total += got.count();
    }
    co_return total;
}

TEST(Tcp, Echoes) {
    run_alone([]() -> Task<> {
        auto listener = must(async::TcpListener::bind(any_port()));
        const auto address = must(listener.local_address());
        async::Group server(co_await async::this_context());
        server.spawn(serve(listener, server));
        EXPECT_EQ(must(co_await ask(address, 100, 64)), 6400u);
        EXPECT_EQ(must(co_await ask(address, 2, 8 << 20)), std::size_t{16 << 20});
        auto [a, b, c] =
            co_await async::when_all(ask(address, 50, 1000), ask(address, 50, 1), ask(address, 20, 100'000));
        EXPECT_EQ(must(a), 50'000u);
        EXPECT_EQ(must(b), 50u);
        EXPECT_EQ(must(c), 2'000'000u);
        server.cancel();
        EXPECT_TRUE(ok(co_await server.join()));
    }());
}

TEST(Tcp, ReportsARefusal) {
    run_alone([]() -> Task<> {
        auto address = any_port();
        {
            auto listener = must(async::TcpListener::bind(address));
            address = must(listener.local_address());
        }
        EXPECT_TRUE(fails_with(co_await async::TcpStream::connect(address), std::errc::connection_refused));
    }());
}

TEST(Tcp, ATimedOutReadLeavesTheStreamAsItWas) {
    run_alone([]() -> Task<> {
        auto [client, server] = co_await connection();
        std::array<std::byte, 64> buffer{};
        EXPECT_TRUE(fails_with(co_await async::timeout(2ms, client.read(buffer)), std::errc::timed_out));
        EXPECT_EQ((co_await server.write_all(bytes_of("hello"))).count(), 5u);
        EXPECT_EQ(must(co_await async::timeout(5s, client.read(buffer))), 5u);
    }());
}

TEST(Tcp, AnEmptyBufferNeverWaits) {
    run_alone([]() -> Task<> {
        auto [client, server] = co_await connection();
        std::array<std::byte, 64> buffer{};
        // Now a read is known to block.
        EXPECT_TRUE(fails_with(co_await async::timeout(2ms, client.read(buffer)), std::errc::timed_out));
        EXPECT_EQ((co_await async::timeout(5s, client.read_exact({}))).count(), 0u);
        EXPECT_EQ(must(co_await async::timeout(5s, client.read({}))), 0u);
        std::array<mio::net::IoSliceMut, 2> no_room{};
        EXPECT_EQ(must(co_await async::timeout(5s, client.read_vectored({}))), 0u);
        EXPECT_EQ(must(co_await async::timeout(5s, client.read_vectored(no_room))), 0u);
        // So is a write.
        const std::vector<std::byte> large(64 << 20);
        EXPECT_EQ((co_await async::timeout(20ms, client.write_all(large))).error(), std::errc::timed_out);
        const std::array<mio::net::IoSlice, 2> nothing{};
        EXPECT_TRUE((co_await async::timeout(5s, client.write_all({}))).has_value());
        EXPECT_EQ(must(co_await async::timeout(5s, client.write({}))), 0u);
        EXPECT_EQ(must(co_await async::timeout(5s, client.write_vectored({}))), 0u);
        EXPECT_EQ(must(co_await async::timeout(5s, client.write_vectored(nothing))), 0u);
    }());
}

TEST(Tcp, CountsWhatWasTransferredBeforeATimeout) {
    run_alone([]() -> Task<> {
        auto [client, server] = co_await connection();
        std::array<std::byte, 64> buffer{};
        EXPECT_EQ((co_await server.write_all(bytes_of("hello"))).count(), 5u);
        auto got = co_await async::timeout(20ms, client.read_exact(buffer));
        EXPECT_EQ(got.error(), std::errc::timed_out);
        EXPECT_EQ(got.count(), 5u);
        EXPECT_EQ(text_of(std::span(buffer).first(5)), "hello");

        std::vector<std::byte> large(64 << 20);
        auto put = co_await async::timeout(20ms, client.write_all(large));
        EXPECT_EQ(put.error(), std::errc::timed_out);
        EXPECT_GT(put.count(), 0u);
        EXPECT_LT(put.count(), large.size());
        // Exactly these bytes arrive.
        client.close();
        std::size_t arrived = 0;
        while (true) {
            auto part = co_await server.read(large);
            if (!part || *part == 0) break;
            arrived += *part;
        }
        EXPECT_EQ(arrived, put.count());
    }());
}

TEST(Tcp, ReadsToTheEndThatCameWithTheLastData) {
    run_alone([]() -> Task<> {
        for (int i = 0; i < 20; ++i) {
            auto [client, server] = co_await connection();
            std::array<std::byte, 64> buffer{};
            auto reader = [](async::TcpStream& stream, std::span<std::byte> into) -> Task<> {
                EXPECT_EQ(must(co_await stream.read(into)), 3u);
                EXPECT_EQ(must(co_await async::timeout(5s, stream.read(into))), 0u);
            };
            auto writer = [](async::TcpStream& stream) -> Task<> {
                co_await async::yield();
                EXPECT_EQ(must(co_await stream.write(bytes_of("end"))), 3u);
                EXPECT_TRUE(ok(stream.shutdown(mio::net::Shutdown::write)));
            };
            co_await async::when_all(reader(server, buffer), writer(client));
        }
    }());
}

TEST(Tcp, AStreamThatEndsEarlyIsAnErrorOfReadExact) {
    run_alone([]() -> Task<> {
        auto [client, server] = co_await connection();
        EXPECT_EQ(must(co_await client.write(bytes_of("abc"))), 3u);
        client.close();
        std::array<std::byte, 64> buffer{};
        auto got = co_await server.read_exact(buffer);
        EXPECT_EQ(got.error(), mio::Errc::end_of_stream);
        EXPECT_EQ(got.count(), 3u);
    }());
}

TEST(Tcp, AResetEndsOperationsThatWait) {
    run_alone([]() -> Task<> {
        auto listener = must(async::TcpListener::bind(any_port()));
        auto socket = must(mio::net::TcpSocket::v4());
        must(socket.set_linger(0s));
        auto [client, server] = co_await async::when_all(
            async::TcpStream::connect(std::move(socket), must(listener.local_address())), listener.accept());
        std::array<std::byte, 64> buffer{};
        std::vector<std::byte> large(64 << 20);
        auto reset = [](async::TcpStream stream) -> Task<> {
            co_await async::yield();
            stream.close();
        };
        auto [got, put, none] = co_await async::when_all(server->read(buffer), server->write_all(large),
                                                         reset(must(std::move(client))));
        // One of the two takes the error of the connection; for the other one the connection is closed.
        EXPECT_TRUE(fails_with(got, std::errc::connection_reset) || (got && *got == 0));
        EXPECT_TRUE(put.error() == std::errc::connection_reset || put.error() == std::errc::broken_pipe
                    || put.error() == std::errc::connection_aborted)
            << put.error().message();
    }());
}

/// A pair whose first stream is reset when it is closed.
Task<Connection> connection_with_reset() {
    auto both = co_await connection();
    EXPECT_TRUE(ok(both.client.source().set_linger(0s)));
    co_return both;
}

TEST(Tcp, AHangUpIsReportedBehindUnreadData) {
    run_alone([]() -> Task<> {
        auto [client, server] = co_await connection_with_reset();
        std::vector<std::byte> large(64 << 20);
        std::byte one{};
        auto reset = [](async::TcpStream stream, std::span<const std::byte> bytes) -> Task<> {
            EXPECT_FALSE(co_await async::timeout(20ms, stream.write_all(bytes)));
            stream.close();
        };
        auto read_once = [](async::TcpStream& from, std::span<std::byte> into) -> Task<> {
            EXPECT_TRUE(ok(co_await from.read(into))); // there is more
        };
        auto [hung_up, also_hung_up, none, neither] = co_await async::when_all(
            async::timeout(5s, server.hung_up()), async::timeout(5s, server.hung_up()),
            read_once(server, std::span(&one, 1)), reset(std::move(client), large));
        EXPECT_TRUE(ok(hung_up));
        EXPECT_TRUE(ok(also_hung_up));
        if (mio::backend() != "iocp") { // where an abort leaves no error
            EXPECT_EQ(must(server.source().take_error()), std::errc::connection_reset);
        }
    }());
}

TEST(Tcp, AHangUpIsReportedAfterTheEndOfThePeersStream) {
    run_alone([]() -> Task<> {
        auto [client, server] = co_await connection_with_reset();
        std::byte one{};
        EXPECT_TRUE(ok(client.shutdown(mio::net::Shutdown::write)));
        EXPECT_EQ(must(co_await server.read(std::span(&one, 1))), 0u);
        // The end of a stream is not a hang-up.
        EXPECT_TRUE(fails_with(co_await async::timeout(20ms, server.hung_up()), std::errc::timed_out));
        auto reset = [](async::TcpStream stream) -> Task<> {
            co_await async::yield();
            stream.close();
        };
        auto [hung_up, none] =
            co_await async::when_all(async::timeout(5s, server.hung_up()), reset(std::move(client)));
        EXPECT_TRUE(ok(hung_up));
    }());
}

TEST(Tcp, AHangUpBeforeTheWaitIsReportedAndNotForEver) {
    run_alone([]() -> Task<> {
        auto [client, server] = co_await connection_with_reset();
        std::byte one{};
        auto reset = [](async::TcpStream stream) -> Task<> {
            co_await async::yield();
            stream.close();
        };
        auto [got, none] =
            co_await async::when_all(server.read(std::span(&one, 1)), reset(std::move(client)));
        EXPECT_FALSE(got && *got != 0);
        EXPECT_TRUE(ok(co_await async::timeout(5s, server.hung_up())));
        // Events may be repeated, but a loop around it does not spin.
        int repeated = 0;
        while (repeated < 100 && co_await async::timeout(20ms, server.hung_up())) ++repeated;
        EXPECT_LE(repeated, 3);
    }());
}

TEST(Tcp, AHangUpAfterTheCancellationOfAWaitIsKeptForTheNext) {
    auto loop = must(async::Loop::create());
    std::optional<Connection> both = must(async::run(loop, connection_with_reset()));
    async::Scope scope;
    async::Event other;
    int cancelled = 0, waits = 0;
    async::spawn(loop, [](async::TcpStream& stream, async::Scope& in, int& count) -> Task<> {
        EXPECT_TRUE(fails_with(co_await async::within(in, stream.hung_up()), std::errc::operation_canceled));
        ++count;
    }(both->server, scope, cancelled));
    async::spawn(loop, [](async::Event& event, int& count) -> Task<> {
        EXPECT_TRUE(ok(co_await event.wait()));
        ++count;
    }(other, waits));
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(ok(loop.turn(0ns)));
    // The event comes before the coroutines resume. One that is made ready twice displaces those in between.
    scope.cancel();
    other.set();
    both->client.close();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(ok(loop.turn(0ns)));
    EXPECT_EQ(cancelled, 1);
    EXPECT_EQ(waits, 1);
    EXPECT_TRUE(ok(must(async::run(loop, [](async::TcpStream& stream) -> Task<Result<>> {
        co_return co_await async::timeout(5s, stream.hung_up());
    }(both->server)))));
}

TEST(Tcp, SeveralReadersAreServedInOrder) {
    run_alone([]() -> Task<> {
        auto [client, server] = co_await connection();
        std::string order;
        auto reader = [](async::TcpStream& stream, std::string& to, char name) -> Task<> {
            for (int i = 0; i < 3; ++i) {
                std::byte one{};
                EXPECT_EQ(must(co_await stream.read(std::span(&one, 1))), 1u);
                to += name;
                to += static_cast<char>(one);
            }
        };
        auto writer = [](async::TcpStream& stream) -> Task<> {
            co_await async::yield();
            EXPECT_TRUE(co_await stream.write_all(bytes_of("1234")));
            static_cast<void>(co_await async::sleep_for(2ms));
            EXPECT_TRUE(co_await stream.write_all(bytes_of("56789")));
        };
        co_await async::when_all(reader(server, order, 'a'), reader(server, order, 'b'),
                                 reader(server, order, 'c'), writer(client));
        EXPECT_EQ(order, "a1b2c3a4b5c6a7b8c9");
    }());
}

TEST(Tcp, MoreReadersThanATurnServesAreServedWithoutAnotherEvent) {
    auto loop = must(async::Loop::create());
    auto both = must(async::run(loop, connection()));
    constexpr std::size_t count = 200;
    std::size_t served = 0;
    async::Group readers(loop);
    for (std::size_t i = 0; i < count; ++i)
        readers.spawn(
            [&served](async::TcpStream& from) -> Task<> {
                std::byte one{};
                EXPECT_TRUE(ok(co_await from.read(std::span(&one, 1))));
                ++served;
            },
            std::ref(both.server));
    ASSERT_TRUE(ok(loop.turn(0ns)));
    ASSERT_EQ(served, 0u);
    const std::vector<std::byte> bytes(count);
    ASSERT_EQ(must(both.client.source().write(bytes)), count);
    while (served == 0) ASSERT_TRUE(ok(loop.turn(10s)));
    EXPECT_LT(served, count) << "all in one turn";
    while (served < count) {
        ASSERT_EQ(loop.deadline(), Clock::time_point()) << "it does not wait for an event";
        const auto before = served;
        ASSERT_TRUE(ok(loop.turn(0ns)));
        ASSERT_GT(served, before);
    }
}

TEST(Tcp, AHangUpIsReportedAlsoIfItIsCancelledBeforeTheCoroutineResumes) {
    run_alone([]() -> Task<> {
        auto [client, server] = co_await connection_with_reset();
        async::Scope scope;
        auto watch = [](async::TcpStream& stream, async::Scope& in) -> Task<Result<>> {
            co_return co_await async::within(in, stream.hung_up());
        };
        // Resumed by the same event, and before it.
        auto cancel = [](async::TcpStream& stream, async::Scope& all) -> Task<> {
            std::byte one{};
            static_cast<void>(co_await stream.read(std::span(&one, 1)));
            all.cancel();
        };
        auto reset = [](async::TcpStream& stream) -> Task<> {
            co_await async::yield();
            co_await async::yield();
            stream.close();
        };
        auto [hung_up, none, neither] =
            co_await async::when_all(watch(server, scope), cancel(server, scope), reset(client));
        EXPECT_TRUE(scope.is_cancelled());
        if (mio::backend() == "epoll") { // which reports both at once
            EXPECT_TRUE(ok(hung_up));
        }
    }());
}

TEST(Tcp, AConnectionDoesNotInheritTheHangUpOfAnother) {
    run_alone([]() -> Task<> {
        {
            auto [client, server] = co_await connection_with_reset();
            auto reset = [](async::TcpStream& stream) -> Task<> {
                co_await async::yield();
                stream.close();
            };
            std::byte one{};
            static_cast<void>(co_await async::when_all(server.read(std::span(&one, 1)), reset(client)));
        }
        co_await async::yield();
        // One of these takes its place in the loop.
        std::vector<Connection> others;
        for (int i = 0; i < 4; ++i) others.push_back(co_await connection());
        for (auto& [client, server] : others) {
            auto [first, second] = co_await async::when_all(async::timeout(5ms, client.hung_up()),
                                                            async::timeout(5ms, server.hung_up()));
            EXPECT_TRUE(fails_with(first, std::errc::timed_out));
            EXPECT_TRUE(fails_with(second, std::errc::timed_out));
        }
    }());
}

TEST(Tcp, AnEventOfAClosedStreamIsNotThatOfAnotherOpenedInTheSameTurn) {
    auto loop = must(async::Loop::create());
    auto [first_client, first] = must(async::run(loop, connection()));
    auto [second_client, second] = must(async::run(loop, connection_with_reset()));
    auto [third_client, third] = must(async::run(loop, connection()));
    bool is_done = false;
    auto open_another = [](async::TcpStream& from, async::TcpStream& closed, async::TcpStream& opened,
                           bool& done) -> Task<> {
        std::byte one{};
        EXPECT_TRUE(ok(co_await from.read(std::span(&one, 1))));
        closed.close();
        EXPECT_TRUE(fails_with(co_await async::timeout(20ms, opened.hung_up()), std::errc::timed_out));
        done = true;
    };
    auto wait = [](async::TcpStream& from) -> Task<> {
        std::byte one{};
        static_cast<void>(co_await from.read(std::span(&one, 1)));
    };
    async::spawn(loop, open_another(first, second, third, is_done));
    async::spawn(loop, wait(second));
    ASSERT_TRUE(ok(loop.turn(0ns)));
    ASSERT_TRUE(ok(loop.turn(0ns))); // takes the events of the registrations
    // Two events of one turn, in this order.
    must(first_client.source().write(bytes_of("x")));
    second_client.close();
    while (!is_done) ASSERT_TRUE(ok(loop.turn(10s)));
}

TEST(Tcp, ACancelledReadTakesNothingThatArrivesBeforeItResumes) {
    auto loop = must(async::Loop::create());
    auto both = must(async::run(loop, connection()));
    async::Group group(loop);
    std::array<std::byte, 8> buffer{};
    std::optional<Result<std::size_t>> result;
    group.spawn([&]() -> Task<> { result = co_await both.server.read(buffer); });
    ASSERT_TRUE(ok(loop.turn(0ns)));
    ASSERT_TRUE(ok(loop.turn(0ns)));
    group.cancel();
    ASSERT_EQ(must(both.client.source().write(bytes_of("abc"))), 3u);
    while (!result) ASSERT_TRUE(ok(loop.turn(10s)));
    EXPECT_TRUE(fails_with(*result, std::errc::operation_canceled));
    EXPECT_EQ(must(both.server.source().read(buffer)), 3u);
}

TEST(Tcp, AResetReportsWhatWasReadBefore) {
    if (is_wine()) GTEST_SKIP() << "Wine reports a reset as the end of the stream";
    run_alone([]() -> Task<> {
        auto [client, server] = co_await connection_with_reset();
        std::array<std::byte, 64> buffer{};
        auto reset = [](async::TcpStream& stream) -> Task<> {
            co_await async::yield();
            EXPECT_TRUE(co_await stream.write_all(bytes_of("hello")));
            // The reply shows that the other side has read this.
            std::byte one{};
            EXPECT_TRUE(ok(co_await async::timeout(5s, stream.read(std::span(&one, 1)))));
            stream.close();
        };
        auto answer = [](async::TcpStream& stream) -> Task<> {
            for (int i = 0; i < 10; ++i) co_await async::yield();
            static_cast<void>(co_await async::sleep_for(5ms));
            EXPECT_TRUE(co_await stream.write_all(bytes_of("x")));
        };
        auto [got, none, neither] =
            co_await async::when_all(server.read_exact(buffer), reset(client), answer(server));
        EXPECT_EQ(got.error(), std::errc::connection_reset);
        EXPECT_EQ(got.count(), 5u);
    }());
}

TEST(Tcp, AnOperationInACancelledScopeIsNotTried) {
    run_alone([]() -> Task<> {
        auto [client, server] = co_await connection();
        EXPECT_TRUE(co_await client.write_all(bytes_of("abc")));
        EXPECT_TRUE(ok(co_await server.readable()));
        async::Scope scope;
        scope.cancel();
        std::array<std::byte, 8> buffer{};
        EXPECT_TRUE(
            fails_with(co_await async::within(scope, server.read(buffer)), std::errc::operation_canceled));
        EXPECT_TRUE(
            fails_with(co_await async::within(scope, server.readable()), std::errc::operation_canceled));
        EXPECT_TRUE(
            fails_with(co_await async::within(scope, server.hung_up()), std::errc::operation_canceled));
        EXPECT_EQ((co_await async::within(scope, client.write_all(bytes_of("d")))).count(), 0u);
        EXPECT_EQ(must(co_await server.read(buffer)), 3u);
    }());
}

TEST(Async, OperationsOfAClosedSourceFail) {
    run_alone([]() -> Task<> {
        auto [client, server] = co_await connection();
        std::array<std::byte, 8> buffer{};
        client.close();
        EXPECT_FALSE(co_await client.read(buffer));
        EXPECT_FALSE(co_await client.write(buffer));
        EXPECT_FALSE(co_await client.readable());
        EXPECT_FALSE(co_await client.writable());
        EXPECT_FALSE(co_await client.hung_up());
        auto listener = must(async::TcpListener::bind(any_port()));
        listener.close();
        EXPECT_FALSE(co_await listener.accept());
        auto udp = must(async::UdpSocket::bind(any_port()));
        udp.close();
        EXPECT_FALSE(co_await udp.receive_from(buffer));
    }());
}

TEST(Tcp, ClosingEndsOperationsThatWait) {
    run_alone([]() -> Task<> {
        auto [client, server] = co_await connection();
        std::array<std::byte, 64> buffer{};
        std::vector<std::byte> large(64 << 20);
        auto close = [](async::TcpStream& stream) -> Task<> {
            co_await async::yield();
            co_await async::yield();
            stream.close();
        };
        auto [first, second, put, hung_up, none] =
            co_await async::when_all(server.read(buffer), server.read_exact(buffer), server.write_all(large),
                                     server.hung_up(), close(server));
        EXPECT_TRUE(fails_with(first, std::errc::operation_canceled));
        EXPECT_EQ(second.error(), std::errc::operation_canceled);
        EXPECT_TRUE(fails_with(hung_up, std::errc::operation_canceled));
        EXPECT_EQ(put.error(), std::errc::operation_canceled);
        EXPECT_GT(put.count(), 0u);
        EXPECT_FALSE(co_await server.read(buffer));
    }());
}

TEST(Tcp, MovingOrDestroyingEndsOperationsThatWait) {
    run_alone([]() -> Task<> {
        auto [client, server] = co_await connection();
        std::optional<async::TcpStream> stream = std::move(server);
        std::array<std::byte, 64> buffer{};
        auto reader = [](async::TcpStream& from, std::span<std::byte> into) -> Task<> {
            EXPECT_TRUE(fails_with(co_await from.read(into), std::errc::operation_canceled));
        };
        async::Group group(co_await async::this_context());
        group.spawn(reader(*stream, buffer));
        co_await async::yield();
        co_await async::yield();
        std::optional<async::TcpStream> moved = std::move(*stream);
        EXPECT_TRUE(ok(co_await group.join()));
        group.spawn(reader(*moved, buffer));
        co_await async::yield();
        co_await async::yield();
        EXPECT_TRUE(co_await client.write_all(bytes_of("x")));
        moved.reset();
        EXPECT_TRUE(ok(co_await group.join()));
    }());
}

TEST(Tcp, OnePeerThatIsAlwaysReadyDoesNotStarveOthers) {
    run_alone([]() -> Task<> {
        auto [client, server] = co_await connection();
        bool is_done = false;
        int rounds = 0;
        auto busy = [](async::TcpStream& a, async::TcpStream& b, const bool& stop, int& count) -> Task<> {
            std::byte one{};
            while (!stop) {
                EXPECT_TRUE(co_await a.write_all(std::span(&one, 1)));
                EXPECT_TRUE(co_await b.read(std::span(&one, 1)));
                ++count;
            }
        };
        auto other = [](bool& stop) -> Task<> {
            static_cast<void>(co_await async::sleep_for(5ms));
            stop = true;
        };
        co_await async::when_all(busy(client, server, is_done, rounds), other(is_done));
        EXPECT_GT(rounds, 0);
    }());
}

TEST(Tcp, TwoReadersOfAPeerThatIsAlwaysReadyDoNotStarveOthers) {
    run_alone([]() -> Task<> {
        auto [client, server] = co_await connection();
        bool is_done = false;
        int reads = 0; // in this turn of the loop
        int most = 0;
        // The readers take single bytes of a stream that always has more.
        auto writer = [](async::TcpStream& to, const bool& stop) -> Task<> {
            std::vector<std::byte> block(1 << 16);
            while (!stop) {
                auto put = co_await async::timeout(20ms, to.write_all(block));
                if (!put && put.error() != std::errc::timed_out) break;
            }
            EXPECT_TRUE(ok(to.shutdown(mio::net::Shutdown::write)));
        };
        auto reader = [](async::TcpStream& from, int& count, const bool& stop) -> Task<> {
            std::byte one{};
            while (!stop) {
                auto got = co_await from.read(std::span(&one, 1));
                if (!got || *got == 0) break;
                ++count;
            }
        };
        auto turns = [](int& count, int& maximum, const bool& stop) -> Task<> {
            while (!stop) {
                maximum = std::max(maximum, std::exchange(count, 0));
                co_await async::yield();
            }
        };
        auto other = [](bool& stop) -> Task<> {
            for (int i = 0; i < 5; ++i) static_cast<void>(co_await async::sleep_for(1ms));
            stop = true;
        };
        co_await async::when_all(reader(server, reads, is_done), reader(server, reads, is_done),
                                 turns(reads, most, is_done), writer(client, is_done), other(is_done));
        EXPECT_TRUE(is_done);
        EXPECT_LE(most, 1000); // 64 for each event, and for each reader that is resumed
    }());
}

TEST(Tcp, AStreamMovesToAnotherLoop) {
    auto first = must(async::Loop::create());
    std::optional<Connection> both = must(async::run(first, connection()));
    std::array<std::byte, 64> buffer{};
    auto read = [](async::TcpStream& from, std::span<std::byte> into) -> Task<Result<std::size_t>> {
        co_return co_await async::timeout(2ms, from.read(into));
    };
    EXPECT_TRUE(fails_with(must(async::run(first, read(both->server, buffer))),
                           std::errc::timed_out)); // registers it
    auto second = must(async::Loop::create());
    EXPECT_TRUE(fails_with(must(async::run(second, read(both->server, buffer))), mio::Errc::other_registry));
    async::TcpStream taken(std::move(both->server).into_source());
    EXPECT_TRUE(fails_with(must(async::run(second, read(taken, buffer))), std::errc::timed_out));
    // A loop that is gone does not hold it either.
    second = std::move(first);
    EXPECT_TRUE(fails_with(must(async::run(second, read(taken, buffer))), std::errc::timed_out));
    both.reset();
}

TEST(Async, PerformsOperationsOfTheProgram) {
    run_alone([]() -> Task<> {
        auto [client, server] = co_await connection();
        std::array<std::byte, 8> buffer{};
        int attempts = 0;
        auto own = [&](mio::net::TcpStream& stream) {
            ++attempts;
            return stream.peek(buffer);
        };
        auto send = [](async::TcpStream& to) -> Task<> {
            co_await async::yield();
            EXPECT_TRUE(co_await to.write_all(bytes_of("abc")));
        };
        auto [peeked, none] = co_await async::when_all(server.perform(Interest::readable, own), send(client));
        EXPECT_EQ(must(std::move(peeked)), 3u);
        EXPECT_GE(attempts, 2);
    }());
}

TEST(Async, ReadinessIsThatOfNow) {
    run_alone([]() -> Task<> {
        auto [client, server] = co_await connection();
        EXPECT_TRUE(ok(co_await client.writable()));
        EXPECT_TRUE(ok(co_await client.writable()));
        EXPECT_TRUE(fails_with(co_await async::timeout(2ms, server.readable()), std::errc::timed_out));
        EXPECT_TRUE(co_await client.write_all(bytes_of("abcdef")));
        EXPECT_TRUE(ok(co_await async::timeout(5s, server.readable())));
        std::array<std::byte, 3> buffer{};
        EXPECT_EQ(must(server.source().read(buffer)), 3u);
        EXPECT_TRUE(ok(co_await async::timeout(5s, server.readable()))); // more is left
        EXPECT_EQ(must(server.source().read(buffer)), 3u);
        EXPECT_TRUE(blocks(server.source().read(buffer)));
        EXPECT_TRUE(fails_with(co_await async::timeout(2ms, server.readable()), std::errc::timed_out));
    }());
}

TEST(Async, WaitsForASignalOfTheProgram) {
    if (mio::backend() == "iocp") GTEST_SKIP() << "signals are console events there";
    run_alone([]() -> Task<> {
        async::Async signals(must(mio::Signals::create({mio::Signal::terminate})), Interest::readable);
        auto receive = [](mio::Signals& from) { return from.receive(); };
        EXPECT_TRUE(fails_with(co_await async::timeout(2ms, signals.perform(Interest::readable, receive)),
                               std::errc::timed_out));
        auto raise = []() -> Task<> {
            co_await async::yield();
            std::raise(SIGTERM);
        };
        auto [received, none] = co_await async::when_all(
            async::timeout(5s, signals.perform(Interest::readable, receive)), raise());
        EXPECT_TRUE(ok(received));
        signals.close();
        const auto closed = co_await async::timeout(2ms, signals.perform(Interest::readable, receive));
        EXPECT_FALSE(closed);
        EXPECT_FALSE(fails_with(closed, std::errc::timed_out));
    }());
}

TEST(Tcp, AcceptsWithTheAddressOfThePeer) {
    run_alone([]() -> Task<> {
        auto listener = must(async::TcpListener::bind(any_port()));
        auto [client, accepted] = co_await async::when_all(
            async::TcpStream::connect(must(listener.local_address())), listener.accept_from());
        EXPECT_EQ(must(std::move(accepted)).second, must(client->source().local_address()));
        EXPECT_TRUE(fails_with(co_await async::timeout(1ms, listener.accept_from()), std::errc::timed_out));
    }());
}

TEST(Tcp, TransfersSeveralBuffersAtOnce) {
    run_alone([]() -> Task<> {
        auto [client, server] = co_await connection();
        std::array<std::byte, 3> first{};
        std::array<std::byte, 16> second{};
        const std::array<mio::net::IoSliceMut, 2> into{std::span<std::byte>(first),
                                                       std::span<std::byte>(second)};
        EXPECT_TRUE(
            fails_with(co_await async::timeout(2ms, server.read_vectored(into)), std::errc::timed_out));
        auto send = [](async::TcpStream& to) -> Task<> {
            co_await async::yield();
            const std::array<mio::net::IoSlice, 2> from{bytes_of("ab"), bytes_of("cdef")};
            EXPECT_EQ(must(co_await to.write_vectored(from)), 6u);
        };
        auto [got, none] = co_await async::when_all(server.read_vectored(into), send(client));
        EXPECT_EQ(must(std::move(got)), 6u);
        EXPECT_EQ(text_of(first), "abc");
        EXPECT_EQ(text_of(std::span(second).first(3)), "def");

        // A peek leaves what it returns.
        EXPECT_TRUE(fails_with(co_await async::timeout(2ms, server.peek(second)), std::errc::timed_out));
        EXPECT_TRUE(co_await client.write_all(bytes_of("xyz")));
        EXPECT_EQ(must(co_await async::timeout(5s, server.peek(second))), 3u);
        EXPECT_EQ(must(co_await async::timeout(5s, server.read(second))), 3u);
        EXPECT_TRUE(fails_with(co_await async::timeout(2ms, server.peek(second)), std::errc::timed_out));
    }());
}

TEST(Tcp, AStreamThatHasNotWaitedPassesThroughAChannel) {
    async::Channel<async::TcpStream> streams(1);
    std::thread other([&streams] {
        run_alone([](async::Channel<async::TcpStream>& from) -> Task<> {
            auto stream = must(co_await from.receive());
            std::array<std::byte, 4> buffer{};
            // Here it waits.
            EXPECT_TRUE(fails_with(co_await async::timeout(2ms, stream.read(buffer)), std::errc::timed_out));
            EXPECT_EQ(must(co_await stream.write(bytes_of("next"))), 4u);
            EXPECT_TRUE(co_await stream.read_exact(buffer));
            EXPECT_TRUE(co_await stream.write_all(buffer));
        }(streams));
    });
    run_alone([](async::Channel<async::TcpStream>& to) -> Task<> {
        auto listener = must(async::TcpListener::bind(any_port()));
        auto [client, accepted] = co_await async::when_all(
            async::TcpStream::connect(must(listener.local_address())), listener.accept());
        // An operation that need not wait leaves the stream as it was.
        EXPECT_EQ(must(co_await accepted->write(bytes_of("here"))), 4u);
        EXPECT_TRUE(ok(co_await to.send(must(std::move(accepted)))));
        std::array<std::byte, 8> greetings{};
        EXPECT_TRUE(co_await async::timeout(10s, client->read_exact(greetings)));
        EXPECT_EQ(text_of(greetings), "herenext");
        EXPECT_TRUE(co_await client->write_all(bytes_of("ping")));
        std::array<std::byte, 4> buffer{};
        EXPECT_TRUE(co_await async::timeout(10s, client->read_exact(buffer)));
        EXPECT_EQ(text_of(buffer), "ping");
    }(streams));
    other.join();
}

TEST(Udp, SendsAndReceivesMany) {
    run_alone([]() -> Task<> {
        auto a = must(async::UdpSocket::bind(any_port()));
        auto b = must(async::UdpSocket::bind(any_port()));
        const auto to = must(b.source().local_address());
        std::array<std::array<std::byte, 16>, 3> buffers{};
        std::array<mio::net::IncomingDatagram, 3> incoming;
        for (std::size_t i = 0; i < incoming.size(); ++i) incoming[i].buffer = buffers[i];
        EXPECT_TRUE(fails_with(co_await async::timeout(2ms, b.receive_many(incoming)), std::errc::timed_out));
        EXPECT_TRUE(fails_with(co_await async::timeout(2ms, b.peek_from(buffers[0])), std::errc::timed_out));
        auto send = [](async::UdpSocket& from, SocketAddress peer) -> Task<> {
            co_await async::yield();
            std::array<mio::net::OutgoingDatagram, 2> outgoing;
            outgoing[0].bytes = bytes_of("one");
            outgoing[1].bytes = bytes_of("second");
            outgoing[0].peer = outgoing[1].peer = peer;
            EXPECT_EQ(must(co_await from.send_many(outgoing)), 2u);
        };
        auto [peeked, none] = co_await async::when_all(b.peek_from(buffers[0]), send(a, to));
        EXPECT_EQ(must(std::move(peeked)).first, 3u);
        auto received = must(co_await async::timeout(5s, b.receive_many(incoming)));
#if defined(__linux__)
        EXPECT_EQ(received, 2u); // sending on loopback delivers
#endif
        if (received < 2)
            received +=
                must(co_await async::timeout(5s, b.receive_many(std::span(incoming).subspan(received))));
        EXPECT_EQ(received, 2u);
        EXPECT_EQ(text_of(std::span(buffers[0]).first(incoming[0].size)), "one");
        EXPECT_EQ(text_of(std::span(buffers[1]).first(incoming[1].size)), "second");
    }());
}

TEST(Udp, SendsAndReceives) {
    run_alone([]() -> Task<> {
        auto a = must(async::UdpSocket::bind(any_port()));
        auto b = must(async::UdpSocket::bind(any_port()));
        const auto to = must(b.source().local_address());
        std::array<std::byte, 64> buffer{};
        auto send = [](async::UdpSocket& from, SocketAddress peer) -> Task<> {
            co_await async::yield();
            EXPECT_EQ(must(co_await from.send_to(bytes_of("one"), peer)), 3u);
            EXPECT_EQ(must(co_await from.send_to(bytes_of("second"), peer)), 6u);
        };
        auto [got, none] = co_await async::when_all(b.receive_from(buffer), send(a, to));
        EXPECT_EQ(must(std::move(got)).first, 3u);
        EXPECT_EQ(must(co_await b.receive(buffer)), 6u);
        EXPECT_TRUE(fails_with(co_await async::timeout(1ms, b.receive(buffer)), std::errc::timed_out));
    }());
}

} // namespace
