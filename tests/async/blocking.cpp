// Thread pools, name resolution and files.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "async.hpp"

// Names of a program, in the namespace in which a using-directive makes those of mio.async visible.
struct Job {};
struct Link {};
struct List {};

namespace {

using namespace std::chrono_literals;
using namespace test;
using mio::Result;

TEST(Pool, RunsFunctionsOnOtherThreads) {
    async::Pool pool(2);
    run_alone([](async::Pool& threads) -> Task<> {
        const auto own = std::this_thread::get_id();
        auto there = co_await threads.run([] { return std::this_thread::get_id(); });
        EXPECT_TRUE(there && *there != own);
        EXPECT_EQ(std::this_thread::get_id(), own);
        EXPECT_TRUE(ok(co_await threads.run([] {})));
        EXPECT_EQ(*must(co_await threads.run([] { return std::make_unique<int>(3); })), 3);
        EXPECT_TRUE(fails_with(co_await threads.run([]() -> Result<int> {
            return std::unexpected(make_error_code(mio::Errc::unsupported));
        }),
                               mio::Errc::unsupported));
#if defined(__cpp_exceptions)
        int caught = 0;
        try {
            static_cast<void>(co_await threads.run([]() -> int { throw 5; }));
        } catch (int value) {
            caught = value;
        }
        EXPECT_EQ(caught, 5);
#endif
    }(pool));
}

TEST(Pool, RunsAsManyAtOnceAsItHasThreads) {
    async::Pool pool(3);
    std::atomic<int> running = 0;
    run_alone([](async::Pool& threads, std::atomic<int>& count) -> Task<> {
        // Each waits for the others.
        auto meet = [&count] {
            ++count;
            const auto end = mio::time::Clock::now() + 10s;
            while (count < 3 && mio::time::Clock::now() < end) std::this_thread::yield();
            return count == 3;
        };
        auto [a, b, c] = co_await async::when_all(threads.run(meet), threads.run(meet), threads.run(meet));
        EXPECT_TRUE(must(std::move(a)) && must(std::move(b)) && must(std::move(c)));
    }(pool, running));
}

TEST(Pool, ServesManyLoops) {
    async::Pool pool(3);
    std::atomic<int> sum = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            run_alone([](async::Pool& shared, std::atomic<int>& total) -> Task<> {
                for (int k = 0; k < 200; ++k) {
                    auto [a, b] =
                        co_await async::when_all(shared.run([k] { return k; }), shared.run([] { return 1; }));
                    total += must(std::move(a)) + must(std::move(b));
                }
            }(pool, sum));
        });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(sum, 4 * (199 * 200 / 2 + 200));
}

TEST(Pool, ACancelledFunctionThatHasNotBegunDoesNotRun) {
    std::atomic<bool> has_begun = false, is_open = false;
    std::atomic<int> ran = 0;
    async::Pool pool(1);
    run_alone([](async::Pool& threads, std::atomic<bool>& begun, std::atomic<bool>& gate,
                 std::atomic<int>& count) -> Task<> {
        auto blocking = [&] {
            begun = true;
            while (!gate) std::this_thread::yield();
            ++count;
        };
        auto until_it_has_begun = [](std::atomic<bool>& flag) -> Task<> {
            while (!flag) static_cast<void>(co_await async::sleep_for(100us));
        };
        auto [which, results] = co_await async::when_any(threads.run(blocking), until_it_has_begun(begun));
        EXPECT_EQ(which, 1u);
        EXPECT_TRUE(fails_with(std::get<0>(results), std::errc::operation_canceled));
        EXPECT_TRUE(fails_with(co_await async::timeout(2ms, threads.run([&count] { count += 100; })),
                               std::errc::timed_out));
        gate = true;
        EXPECT_TRUE(ok(co_await threads.run([] {})));
        EXPECT_EQ(count, 1);
    }(pool, has_begun, is_open, ran));
}

TEST(Pool, EndsTheWaitsOfWhatItDrops) {
    std::optional<async::Pool> pool(std::in_place, 1u);
    std::atomic<bool> is_open = false;
    run_alone([](std::optional<async::Pool>& threads, std::atomic<bool>& gate) -> Task<> {
        auto wait = [&gate] {
            while (!gate) std::this_thread::yield();
            return 1;
        };
        auto drop = [](std::optional<async::Pool>& target, std::atomic<bool>& open) -> Task<> {
            co_await async::yield();
            std::thread opener([&open] {
                std::this_thread::sleep_for(
                    5ms); // the destructor waits meanwhile; it is right without the delay too
                open = true;
            });
            target.reset();
            opener.join();
        };
        auto [first, second, none] =
            co_await async::when_all(threads->run(wait), threads->run([] { return 2; }), drop(threads, gate));
        EXPECT_TRUE(!first ? first.error() == std::errc::operation_canceled : *first == 1);
        EXPECT_TRUE(fails_with(second, std::errc::operation_canceled));
    }(pool, is_open));
}

TEST(Pool, WorkOutlivesALoopThatEnds) {
    async::Pool pool(2);
    for (int i = 0; i < 50; ++i) {
        auto loop = must(async::Loop::create());
        for (int k = 0; k < 4; ++k)
            async::spawn(loop, [](async::Pool& threads) -> Task<> {
                while (co_await threads.run([text = std::string(100, 'x')] { return text; })) {
                }
            }(pool));
        for (int turns = 0; turns < i % 5; ++turns) ASSERT_TRUE(ok(loop.turn(0ns)));
    }
}

TEST(Resolve, FindsLocalhost) {
    async::Pool pool(1);
    run_alone([](async::Pool& threads) -> Task<> {
        auto addresses = co_await async::resolve(threads, "127.0.0.1", "80");
        EXPECT_TRUE(addresses && addresses->size() == 1 && addresses->front().port() == 80);
        EXPECT_FALSE(co_await async::resolve(threads, "127.0.0.1", "no-such-service-here"));
    }(pool));
}

// Files.

class Files : public testing::Test {
  protected:
    ~Files() override {
        std::error_code ignored;
        std::filesystem::remove(path_, ignored);
    }
    async::Pool pool_{2};
    std::string path_ = fresh_path("file");
};

TEST_F(Files, AreWrittenAndRead) {
    run_alone([](async::Pool& threads, std::string path) -> Task<> {
        EXPECT_TRUE(
            fails_with(co_await async::File::open(threads, path), std::errc::no_such_file_or_directory));
        auto file = must(co_await async::File::open(threads, path, {.write = true, .create_new = true}));
        EXPECT_TRUE(fails_with(co_await async::File::open(threads, path, {.write = true, .create_new = true}),
                               std::errc::file_exists));
        std::vector<std::byte> bytes(1'000'000), back(1'000'000);
        for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7);
        EXPECT_EQ((co_await file.write_all_at(bytes, 10)).count(), bytes.size());
        EXPECT_TRUE(ok(co_await file.sync()));
        EXPECT_EQ(must(co_await file.size()), 1'000'010u);
        EXPECT_TRUE(co_await file.read_exact_at(back, 10));
        EXPECT_EQ(bytes, back);
        auto beyond = co_await file.read_exact_at(back, 500'010);
        EXPECT_EQ(beyond.error(), mio::Errc::end_of_stream);
        EXPECT_EQ(beyond.count(), 500'000u);
        EXPECT_EQ(must(co_await file.read_at(back, 2'000'000)), 0u);
        EXPECT_TRUE(ok(co_await file.resize(5)));
        EXPECT_EQ(must(co_await file.size()), 5u);
        std::array<std::byte, 8> zeros;
        EXPECT_EQ(must(co_await file.read_at(zeros, 0)), 5u);
        EXPECT_EQ(zeros[4], std::byte{0});
        file.close();
        EXPECT_FALSE(co_await file.size());
        EXPECT_FALSE(co_await file.read_at(zeros, 0));
    }(pool_, path_));
}

TEST_F(Files, ErrorsAreReported) {
    run_alone([](async::Pool& threads, std::string path) -> Task<> {
        EXPECT_TRUE(
            fails_with(co_await async::File::open(threads, std::string("a\0b", 3)), mio::Errc::interior_nul));
        EXPECT_TRUE(fails_with(co_await async::File::open(threads, path, {.create = true}),
                               std::errc::invalid_argument));
        must(co_await async::File::open(threads, path, {.write = true, .create = true}));
        auto file = must(co_await async::File::open(threads, path));
        EXPECT_FALSE(co_await file.write_at(bytes_of("x"), 0));
        async::Scope scope;
        scope.cancel();
        std::array<std::byte, 8> buffer;
        EXPECT_TRUE(fails_with(co_await async::within(scope, file.read_at(buffer, 0)),
                               std::errc::operation_canceled));
    }(pool_, path_));
}

TEST_F(Files, AreSentToAStream) {
    run_alone([](async::Pool& threads, std::string path) -> Task<> {
        auto file = must(co_await async::File::open(threads, path, {.write = true, .create = true}));
        std::vector<std::byte> bytes(3'000'000), back(2'999'995);
        for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 13);
        EXPECT_TRUE(co_await file.write_all_at(bytes, 0));
        auto listener = must(async::TcpListener::bind(must(mio::net::SocketAddress::parse("127.0.0.1:0"))));
        auto [client, server] = co_await async::when_all(
            async::TcpStream::connect(must(listener.local_address())), listener.accept());
        auto [sent, got] =
            co_await async::when_all(async::send_file(*client, file, 5, 5'000'000), server->read_exact(back));
        EXPECT_TRUE(sent);
        EXPECT_EQ(sent.count(), back.size());
        EXPECT_TRUE(got);
        EXPECT_TRUE(std::ranges::equal(back, std::span(bytes).subspan(5)));
    }(pool_, path_));
}

TEST_F(Files, OperationsGoOnWhenTheFileIsDestroyed) {
    run_alone([](async::Pool& threads, std::string path) -> Task<> {
        auto file = std::make_unique<async::File>(
            must(co_await async::File::open(threads, path, {.write = true, .create = true})));
        // Several parts, and more than the system could take at once.
        std::vector<std::byte> bytes(1'000'000), back(1'000'000);
        for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 17);
        auto destroy = [](std::unique_ptr<async::File>& target) -> Task<> {
            co_await async::yield();
            target.reset();
        };
        auto [put, none] = co_await async::when_all(file->write_all_at(bytes, 0), destroy(file));
        EXPECT_TRUE(put);
        EXPECT_EQ(put.count(), bytes.size());
        file = std::make_unique<async::File>(must(co_await async::File::open(threads, path)));
        auto [got, neither] = co_await async::when_all(file->read_exact_at(back, 0), destroy(file));
        EXPECT_TRUE(got);
        EXPECT_EQ(back, bytes);
    }(pool_, path_));
}

TEST_F(Files, SendingGoesOnWhenTheFileIsClosed) {
    run_alone([](async::Pool& threads, std::string path) -> Task<> {
        auto file = must(co_await async::File::open(threads, path, {.write = true, .create = true}));
        const std::vector<std::byte> bytes(16 << 20, std::byte{1});
        EXPECT_TRUE(co_await file.write_all_at(bytes, 0));
        auto listener = must(async::TcpListener::bind(must(mio::net::SocketAddress::parse("127.0.0.1:0"))));
        auto [client, server] = co_await async::when_all(
            async::TcpStream::connect(must(listener.local_address())), listener.accept());
        // Another file, which gets the handle if the first one's is closed now.
        auto replace = [](async::File& from, async::Pool& pool,
                          const std::string& name) -> Task<async::File> {
            co_await async::yield();
            from.close();
            auto other =
                must(co_await async::File::open(pool, name + "-other", {.write = true, .create = true}));
            const std::vector<std::byte> others(16 << 20, std::byte{2});
            EXPECT_TRUE(co_await other.write_all_at(others, 0));
            co_return other;
        };
        auto receive = [](async::TcpStream& from, std::size_t& count) -> Task<> {
            std::vector<std::byte> buffer(1 << 20);
            for (std::size_t left = 16 << 20; left > 0;) {
                static_cast<void>(co_await async::sleep_for(1ms)); // the sender waits in between
                const auto got = co_await async::timeout(5s, from.read(buffer));
                if (!got || *got == 0) co_return;
                count += static_cast<std::size_t>(std::count(
                    buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(*got), std::byte{1}));
                left -= std::min(left, *got);
            }
        };
        std::size_t right = 0;
        auto [sent, other, none] =
            co_await async::when_all(async::send_file(*client, file, 0, bytes.size()),
                                     replace(file, threads, path), receive(*server, right));
        EXPECT_TRUE(sent);
        EXPECT_EQ(right, bytes.size());
        other.close();
        std::filesystem::remove(path + "-other");
    }(pool_, path_));
}

TEST_F(Files, ReadsThatNeedNotWaitLetOthersRun) {
    run_alone([](async::Pool& threads, std::string path) -> Task<> {
        auto file = must(co_await async::File::open(threads, path, {.write = true, .create = true}));
        EXPECT_TRUE(co_await file.write_all_at(bytes_of("text"), 0));
        bool is_done = false;
        int turns = 0;
        auto busy = [](async::File& from, bool& done) -> Task<> {
            std::array<std::byte, 4> buffer;
            for (int i = 0; i < 640; ++i) EXPECT_TRUE(ok(co_await from.read_at(buffer, 0)));
            done = true;
        };
        auto other = [](const bool& done, int& count) -> Task<> {
            while (!done) {
                co_await async::yield();
                ++count;
            }
        };
        co_await async::when_all(busy(file, is_done), other(is_done, turns));
        EXPECT_GE(turns, 9);
    }(pool_, path_));
}

TEST_F(Files, NothingIsSentAtOnce) {
    run_alone([](async::Pool& threads, std::string path) -> Task<> {
        auto file = must(co_await async::File::open(threads, path, {.write = true, .create = true}));
        auto listener = must(async::TcpListener::bind(must(mio::net::SocketAddress::parse("127.0.0.1:0"))));
        auto [client, server] = co_await async::when_all(
            async::TcpStream::connect(must(listener.local_address())), listener.accept());
        const std::vector<std::byte> large(64 << 20);
        EXPECT_EQ((co_await async::timeout(20ms, client->write_all(large))).error(), std::errc::timed_out);
        EXPECT_TRUE(co_await async::timeout(5s, async::send_file(*client, file, 0, 0)));
    }(pool_, path_));
}

TEST_F(Files, AreDroppedWithWorkInThePool) {
    run_alone([](async::Pool& threads, std::string path) -> Task<> {
        must(co_await async::File::open(threads, path, {.write = true, .create = true}));
    }(pool_, path_));
    for (int turns = 0; turns < 4; ++turns) {
        auto loop = must(async::Loop::create());
        async::spawn(loop, [](async::Pool& threads, std::string path) -> Task<> {
            auto file = co_await async::File::open(threads, path, {.write = true});
            if (!file) co_return;
            std::vector<std::byte> large(100'000);
            while (co_await file->write_at(large, 0)) static_cast<void>(co_await file->read_at(large, 0));
        }(pool_, path_));
        for (int i = 0; i < turns; ++i) ASSERT_TRUE(ok(loop.turn(5ms)));
    }
}

// Looking inside.

TEST(Dump, ListsWhatWaitsForWhat) {
    auto loop = must(async::Loop::create());
    async::Event event;
    async::spawn(loop, [](async::Event& waited) -> Task<> {
        auto inner = [](async::Event& what) -> Task<Result<>> { co_return co_await what.wait(); };
        static_cast<void>(co_await async::when_all(async::timeout(10s, inner(waited)),
                                                   async::shield(async::sleep_for(300ms))));
    }(event));
    ASSERT_TRUE(ok(loop.turn(0ns)));
    const auto text = async::dump(loop);
    EXPECT_NE(text.find("wait at blocking.cpp:"), std::string::npos) << text;
    EXPECT_NE(text.find(" in blocking.cpp:"), std::string::npos) << text;
    EXPECT_NE(text.find("sleep at "), std::string::npos) << text;
    EXPECT_EQ(std::ranges::count(text, '\n'), 2) << text;
    ASSERT_TRUE(ok(loop.shut_down()));
    EXPECT_EQ(async::dump(loop), "");
}

TEST(Dump, ListsShieldedOperationsOfACancelledScope) {
    auto loop = must(async::Loop::create());
    async::Group group(loop);
    group.spawn([]() -> Task<> { static_cast<void>(co_await async::shield(async::sleep_for(100s))); });
    ASSERT_TRUE(ok(loop.turn(0ns)));
    group.cancel();
    EXPECT_TRUE(async::dump(loop).starts_with("sleep at ")) << async::dump(loop);
}

TEST(Dump, DescribesScopesThatAreNestedDeeply) {
    struct Nested {
        static Task<Result<>> of(int depth) {
            if (depth == 0) co_return co_await async::sleep_for(10s);
            co_return co_await async::timeout(10s, of(depth - 1));
        }
    };
    auto loop = must(async::Loop::create());
    async::spawn(loop, []() -> Task<> { static_cast<void>(co_await Nested::of(100'000)); }());
    ASSERT_TRUE(ok(loop.turn(0ns)));
    const auto text = async::dump(loop);
    EXPECT_TRUE(text.starts_with("sleep at blocking.cpp:")) << text.substr(0, 100);
    EXPECT_EQ(std::ranges::count(text, '\n'), 1);
}

TEST(Names, OfInternalsAreNotVisible) {
    using namespace mio::async; // a name that it makes visible would be ambiguous below
    static_assert(std::is_empty_v<Job> && std::is_empty_v<Link> && std::is_empty_v<List>);
}

} // namespace
