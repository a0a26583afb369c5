// Unix domain sockets and pipes.

#include <gtest/gtest.h>

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "../async.hpp"

namespace {

using namespace std::chrono_literals;
using namespace test;
using mio::Result;

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
        async::UnixListener listener(must(mio::net::UnixListener::bind(where, 1)));
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

TEST(AsyncUnix, DescriptorsArePassed) {
    run_alone([]() -> Task<> {
        auto [stream, peer] = must(async::UnixStream::pair());
        auto [datagram, other] = must(async::UnixDatagram::pair());
        auto [sender, receiver] = must(async::make_pipe());
        const std::array fds{sender.source().raw()};
        std::array<std::byte, 8> buffer{};
        std::array<mio::OwnedHandle, 2> received;
        EXPECT_TRUE(fails_with(co_await async::timeout(2ms, peer.receive_with_fds(buffer, received)),
                               std::errc::timed_out));
        EXPECT_EQ(must(co_await stream.send_with_fds(bytes_of("a"), fds)), 1u);
        EXPECT_EQ(must(co_await async::timeout(5s, peer.receive_with_fds(buffer, received))).fds, 1u);
        EXPECT_TRUE(fails_with(co_await async::timeout(2ms, other.receive_with_fds(buffer, received)),
                               std::errc::timed_out));
        EXPECT_EQ(must(co_await datagram.send_with_fds(bytes_of("b"), fds)), 1u);
        EXPECT_EQ(must(co_await async::timeout(5s, other.receive_with_fds(buffer, received))).fds, 1u);
        // The pipe ends when the last one of its senders is closed.
        sender.close();
        EXPECT_TRUE(fails_with(co_await async::timeout(2ms, receiver.read(buffer)), std::errc::timed_out));
        received = {};
        EXPECT_EQ(must(co_await async::timeout(5s, receiver.read(buffer))), 0u);
    }());
}

TEST(AsyncUnix, AListenerReplacesAStalePath) {
    const auto path = fresh_path("stale");
    run_alone([](std::string where) -> Task<> {
        must(async::UnixListener::bind(where)).close();
        EXPECT_TRUE(fails_with(async::UnixListener::bind(where), std::errc::address_in_use));
        auto listener = must(async::UnixListener::bind_replacing(where));
        auto [client, accepted] =
            co_await async::when_all(async::UnixStream::connect(where), listener.accept_from());
        EXPECT_TRUE(ok(client));
        EXPECT_TRUE(ok(accepted));
    }(path));
    std::filesystem::remove(path);
}

namespace signals {
std::atomic<int> handled = 0;
void handle(int) { ++handled; }
} // namespace signals

TEST(Loop, ASignalEndsATurnWithoutAnError) {
    auto loop = must(async::Loop::create());
    struct ::sigaction action{}, before{};
    action.sa_handler = &signals::handle;
    ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);
    std::atomic<bool> is_over = false;
    // The first one may come before the wait.
    std::thread sender([&is_over, receiver = ::pthread_self()] {
        while (!is_over) {
            ::pthread_kill(receiver, SIGUSR1);
            std::this_thread::sleep_for(1ms);
        }
    });
    const auto start = mio::time::Clock::now();
    EXPECT_TRUE(ok(loop.turn(30s)));
    EXPECT_LT(mio::time::Clock::now() - start, 20s);
    is_over = true;
    sender.join();
    EXPECT_GT(signals::handled, 0);
    ::sigaction(SIGUSR1, &before, nullptr);
}

TEST(AsyncUnix, WithoutDescriptorsErrorsAreReportedAndNothingIsLost) {
    run_alone([]() -> Task<> {
        auto listener = must(async::TcpListener::bind(must(mio::net::SocketAddress::parse("127.0.0.1:0"))));
        const auto address = must(listener.local_address());
        async::Pool pool(1);
        EXPECT_TRUE(ok(co_await pool.run([] {})));
        ::rlimit before{};
        EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
        ::rlimit low = before;
        low.rlim_cur = 100;
        if (::setrlimit(RLIMIT_NOFILE, &low) != 0) co_return ADD_FAILURE();
        std::vector<int> taken;
        for (int fd = ::dup(0); fd != -1; fd = ::dup(0)) taken.push_back(fd);
        EXPECT_TRUE(fails_with(async::Loop::create(), std::errc::too_many_files_open));
        EXPECT_TRUE(fails_with(co_await async::TcpStream::connect(address), std::errc::too_many_files_open));
        EXPECT_TRUE(
            fails_with(co_await async::File::open(pool, "/etc/passwd"), std::errc::too_many_files_open));
        ::close(taken.back()); // for one of the two ends
        taken.pop_back();
        auto client = co_await async::timeout(5s, async::TcpStream::connect(address));
        EXPECT_TRUE(ok(client));
        EXPECT_TRUE(
            fails_with(co_await async::timeout(5s, listener.accept()), std::errc::too_many_files_open));
        EXPECT_TRUE(
            fails_with(co_await async::timeout(5s, listener.accept()), std::errc::too_many_files_open));
        for (const int fd : taken) ::close(fd);
        EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
        EXPECT_TRUE(ok(co_await async::timeout(5s, listener.accept())));
    }());
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
