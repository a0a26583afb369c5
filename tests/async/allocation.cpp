// A steady state allocates nothing, and keeps no memory of a call whose caller has ended.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <system_error>
#include <thread>
#include <utility>

#include "counted_heap.hpp"

#include "async.hpp"

namespace {

using namespace std::chrono_literals;
using namespace test;
using mio::Result;

// Address sanitizers allocate each frame.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool reuses_frames = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool reuses_frames = false;
#else
constexpr bool reuses_frames = true;
#endif
#else
constexpr bool reuses_frames = true;
#endif

class Allocations : public testing::Test {
  protected:
    void SetUp() override {
        if (!reuses_frames) GTEST_SKIP() << "frames are not reused with the address sanitizer";
    }

    // Runs `work` until it allocates nothing, for a few rounds at most.
    template <class F> static Task<> settles(F work) {
        std::uint64_t made = 0;
        for (int round = 0; round < 5; ++round) {
            const auto before = heap.allocations.load();
            for (int i = 0; i < 100; ++i) co_await work();
            made = heap.allocations - before;
            if (made == 0) co_return;
        }
        EXPECT_EQ(made, 0u);
    }
};

Task<Result<>> quick() { co_return Result<>(); }
Task<Result<>> slow() {
    co_await async::yield();
    co_return Result<>();
}

TEST_F(Allocations, TasksTimeoutsAndGroupsMakeNone) {
    run_alone([]() -> Task<> {
        co_await settles([]() -> Task<> {
            EXPECT_TRUE(co_await async::timeout(5s, quick()));
            EXPECT_TRUE(co_await async::timeout(5s, slow()));
            EXPECT_TRUE(co_await async::sleep_for(1us));
            static_cast<void>(co_await async::when_all(quick(), slow(), async::sleep_for(1us)));
            static_cast<void>(co_await async::when_any(slow(), async::sleep_for(5s)));
            async::Group group(co_await async::this_context());
            for (int i = 0; i < 10; ++i) group.spawn([]() -> Task<> { static_cast<void>(co_await slow()); });
            EXPECT_TRUE(co_await group.join());
            static_cast<void>(co_await async::shield(slow()));
        });
    }());
}

TEST_F(Allocations, StreamsMakeNone) {
    run_alone([]() -> Task<> {
        auto listener = must(async::TcpListener::bind(must(mio::net::SocketAddress::parse("127.0.0.1:0"))));
        auto [first, second] = co_await async::when_all(
            async::TcpStream::connect(must(listener.local_address())), listener.accept());
        auto client = must(std::move(first)), server = must(std::move(second));
        co_await settles([&]() -> Task<> {
            std::array<std::byte, 64> buffer{};
            auto [put, got] = co_await async::when_all(client.write_all(buffer), server.read_exact(buffer));
            EXPECT_TRUE(put);
            EXPECT_TRUE(got);
            EXPECT_FALSE(co_await async::timeout(1us, server.read(buffer)));
        });
    }());
}

TEST_F(Allocations, ConnectionsMakeNone) {
#if defined(__linux__)
    if (mio::backend() == "kqueue") GTEST_SKIP() << "the kqueue double allocates";
#endif
    run_alone([]() -> Task<> {
        auto listener = must(async::TcpListener::bind(must(mio::net::SocketAddress::parse("127.0.0.1:0"))));
        const auto address = must(listener.local_address());
        co_await settles([&]() -> Task<> {
            auto [client, server] =
                co_await async::when_all(async::TcpStream::connect(address), listener.accept());
            std::array<std::byte, 8> buffer{};
            EXPECT_FALSE(co_await async::timeout(1us, server->read(buffer))); // registers it
            client->close();
            EXPECT_EQ(must(co_await server->read(buffer)), 0u);
        });
    }());
}

// A turn serves some of the readers of a stream, and leaves the others to the next turn.
TEST_F(Allocations, StreamsThatAreClosedBetweenTwoTurnsOfTheirReadersMakeNone) {
#if defined(__linux__)
    if (mio::backend() == "kqueue") GTEST_SKIP() << "the kqueue double allocates";
#endif
    run_alone([]() -> Task<> {
        auto listener = must(async::TcpListener::bind(must(mio::net::SocketAddress::parse("127.0.0.1:0"))));
        const auto address = must(listener.local_address());
        co_await settles([&]() -> Task<> {
            auto [client, server] =
                co_await async::when_all(async::TcpStream::connect(address), listener.accept());
            std::array<std::byte, 200> bytes{};
            async::Group group(co_await async::this_context());
            async::Event some_are_served;
            std::size_t served = 0;
            struct Read {
                async::TcpStream& from;
                async::Event& some;
                std::size_t& count;
                Task<> operator()() const {
                    std::byte one{};
                    if (!co_await from.read(std::span(&one, 1))) co_return;
                    if (++count == 100) some.set();
                }
            };
            for (std::size_t i = 0; i < bytes.size(); ++i)
                group.spawn(Read{*server, some_are_served, served});
            co_await async::yield();
            co_await async::yield();
            EXPECT_EQ(must(co_await client->write(bytes)), bytes.size());
            EXPECT_TRUE(co_await some_are_served.wait());
            server->close();
            EXPECT_TRUE(co_await group.join());
            EXPECT_LT(served, bytes.size());
        });
    }());
}

TEST_F(Allocations, ChannelsAndCallsMakeNone) {
    std::optional<async::RemoteLoop> remote;
    std::atomic<bool> stop = false, is_ready = false;
    std::thread other([&] {
        auto loop = must(async::Loop::create());
        remote = loop.remote();
        is_ready = true;
        while (!stop) EXPECT_TRUE(ok(loop.turn(1ms)));
    });
    while (!is_ready) std::this_thread::yield();
    async::Pool pool(1);
    run_alone([](async::RemoteLoop there, async::Pool& threads) -> Task<> {
        async::Channel<int> channel(1);
        co_await settles([&]() -> Task<> {
            auto [sent, received] = co_await async::when_all(channel.send(1), channel.receive());
            EXPECT_TRUE(sent);
            EXPECT_TRUE(received);
            EXPECT_EQ(must(co_await there.call([] { return 3; })), 3);
            EXPECT_EQ(must(co_await threads.run([] { return 4; })), 4);
        });
    }(*remote, pool));
    stop = true;
    other.join();
}

// The call is freed by the thread that it was sent to, which never needs its memory again.
TEST_F(Allocations, ACallWhoseCallerHasEndedLeavesNoMemoryWithTheOtherLoop) {
    auto loop = must(async::Loop::create());
    const auto call_and_end = [&] {
        std::thread([remote = loop.remote()] {
            auto calling = must(async::Loop::create());
            async::spawn(calling, [](async::RemoteLoop there) -> Task<> {
                static_cast<void>(co_await there.call([] { return 1; }));
            }(remote));
            EXPECT_TRUE(ok(calling.turn(0ns)));
        }).join();
        EXPECT_TRUE(ok(loop.turn(0ns)));
    };
    for (int round = 0; round < 10; ++round) call_and_end();
    const auto before = heap.allocations - heap.freed;
    for (int round = 0; round < 100; ++round) call_and_end();
    EXPECT_EQ(heap.allocations - heap.freed, before);
}

#if defined(__cpp_exceptions)
// Larger than the frames that are reused.
struct Large {
    std::array<std::byte, 20'000> bytes{};
    int operator()() const noexcept { return 7; }
};

TEST(OutOfMemory, IsAnErrorOfACallAndOfWorkInAPool) {
    run_alone([]() -> Task<> {
        async::Pool pool(1);
        EXPECT_EQ(must(co_await pool.run([] { return 1; })), 1); // now its thread runs
        const auto self = (co_await async::this_context()).loop->remote();
        auto work = pool.run(Large());
        auto call = self.call(Large());
        heap.is_short = true;
        const auto worked = co_await std::move(work);
        const auto called = co_await std::move(call);
        heap.is_short = false;
        EXPECT_TRUE(fails_with(worked, std::errc::not_enough_memory));
        EXPECT_TRUE(fails_with(called, std::errc::not_enough_memory));
        EXPECT_EQ(must(co_await pool.run(Large())), 7);
        EXPECT_EQ(must(co_await self.call(Large())), 7);
    }());
}
#endif

} // namespace
