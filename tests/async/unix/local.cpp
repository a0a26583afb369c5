// Unix domain sockets and pipes.

#include <gtest/gtest.h>

#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "../async.hpp"

namespace {

using namespace std::chrono_literals;
using namespace test;
using mio::Result;

std::string fresh_path(const char* name) {
    static int number = 0;
    return (std::filesystem::temp_directory_path()
            / ("mio-async-" + std::string(name) + std::to_string(::getpid()) + "-"
               + std::to_string(++number)))
        .string();
}

TEST(AsyncPipe, CarriesMoreThanItHolds) {
    run_alone([]() -> Task<> {
        auto [sender, receiver] = must(async::make_pipe());
        std::vector<std::byte> out(3'000'000), in(3'000'000);
        for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::byte>(i * 11);
        auto [put, got] = co_await async::when_all(sender.write_all(out), receiver.read_exact(in));
        EXPECT_TRUE(put);
        EXPECT_TRUE(got);
        EXPECT_EQ(in, out);
        EXPECT_TRUE(fails_with(co_await async::timeout(1ms, receiver.read(in)), std::errc::timed_out));
        auto close = [](async::PipeSender& end) -> Task<> {
            co_await async::yield();
            end.close();
        };
        auto [end, none] = co_await async::when_all(async::timeout(10s, receiver.read(in)), close(sender));
        EXPECT_EQ(must(std::move(end)), 0u);
    }());
}

TEST(AsyncPipe, ASenderThatWaitsSeesTheReceiverClose) {
    run_alone([]() -> Task<> {
        auto [sender, receiver] = must(async::make_pipe());
        std::vector<std::byte> out(3'000'000);
        auto close = [](async::PipeReceiver& end) -> Task<> {
            co_await async::yield();
            end.close();
        };
        auto [put, none] =
            co_await async::when_all(async::timeout(10s, sender.write_all(out)), close(receiver));
        EXPECT_EQ(put.error(), std::errc::broken_pipe);
        EXPECT_GT(put.count(), 0u);
    }());
}

TEST(AsyncUnix, StreamsEchoThroughAPath) {
    const auto path = fresh_path("stream");
    run_alone([](std::string where) -> Task<> {
        auto listener = must(async::UnixListener::bind(where));
        auto [client, server] =
            co_await async::when_all(async::UnixStream::connect(where), listener.accept());
        std::vector<std::byte> out(2'000'000, std::byte{3}), in(2'000'000);
        auto [put, got] =
            co_await async::when_all(must(std::move(client)).write_all(out), server->read_exact(in));
        EXPECT_TRUE(put);
        EXPECT_TRUE(got);
        EXPECT_EQ(in, out);
    }(path));
    std::filesystem::remove(path);
}

TEST(AsyncUnix, ConnectingWaitsForAFullQueue) {
    const auto path = fresh_path("queue");
    run_alone([](std::string where) -> Task<> {
        auto listener = must(async::UnixListener::bind(where));
        // More connections than the queue holds, with no room for the last ones until the listener accepts.
        async::Group clients(co_await async::this_context());
        constexpr int count = 200;
        int connected = 0;
        for (int i = 0; i < count; ++i)
            clients.spawn(
                [&connected](std::string to) -> Task<> {
                    auto stream = co_await async::UnixStream::connect(std::move(to));
                    EXPECT_TRUE(ok(stream));
                    ++connected;
                },
                where);
        co_await async::yield();
        for (int i = 0; i < count; ++i) EXPECT_TRUE(ok(co_await async::timeout(10s, listener.accept())));
        EXPECT_TRUE(ok(co_await clients.join()));
        EXPECT_EQ(connected, count);
    }(path));
    std::filesystem::remove(path);
}

TEST(AsyncUnix, ConnectingInACancelledScopeIsNotTried) {
    const auto path = fresh_path("cancelled");
    run_alone([](std::string where) -> Task<> {
        auto listener = must(async::UnixListener::bind(where));
        async::Scope scope;
        scope.cancel();
        EXPECT_TRUE(fails_with(co_await async::within(scope, async::UnixStream::connect(where)),
                               std::errc::operation_canceled));
        EXPECT_TRUE(blocks(listener.source().accept()));
    }(path));
    std::filesystem::remove(path);
}

TEST(AsyncUnix, DatagramsWaitForTheReceiver) {
    const auto path = fresh_path("datagram");
    run_alone([](std::string where) -> Task<> {
        auto receiver = must(async::UnixDatagram::bind(where));
        auto sender = must(async::UnixDatagram::unbound());
        constexpr int count = 500;
        auto send = [](async::UnixDatagram& from, std::string to) -> Task<> {
            const auto address = must(mio::net::UnixAddress::from_path(to));
            for (int i = 0; i < count; ++i)
                EXPECT_EQ(must(co_await from.send_to(bytes_of("datagram"), address)), 8u);
        };
        auto receive = [](async::UnixDatagram& from) -> Task<> {
            std::array<std::byte, 64> buffer{};
            for (int i = 0; i < count; ++i)
                EXPECT_EQ(must(co_await async::timeout(10s, from.receive(buffer))), 8u);
        };
        static_cast<void>(co_await async::when_all(send(sender, where), receive(receiver)));

        auto [a, b] = must(async::UnixDatagram::pair());
        auto send_all = [](async::UnixDatagram& from) -> Task<> {
            for (int i = 0; i < count; ++i)
                EXPECT_EQ(must(co_await async::timeout(10s, from.send(bytes_of("datagram")))), 8u);
        };
        static_cast<void>(co_await async::when_all(send_all(a), receive(b)));
    }(path));
    std::filesystem::remove(path);
}

} // namespace
