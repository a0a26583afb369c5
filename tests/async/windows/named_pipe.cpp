// Named pipes.

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "../async.hpp"

namespace {

using namespace std::chrono_literals;
using namespace test;

TEST(AsyncNamedPipe, Echoes) {
    run_alone([]() -> Task<> {
        const std::string name =
            R"(\\.\pipe\mio-async-)"
            + std::to_string(std::chrono::steady_clock::now().time_since_epoch().count());
        auto server = must(async::NamedPipe::create(name));
        EXPECT_TRUE(fails_with(co_await async::timeout(2ms, server.connect()), std::errc::timed_out));
        auto open = [](std::string where) -> Task<async::NamedPipe> {
            co_await async::yield();
            co_return must(async::NamedPipe::open(where));
        };
        auto [connected, client] =
            co_await async::when_all(async::timeout(10s, server.connect()), open(name));
        EXPECT_TRUE(ok(connected));
        std::vector<std::byte> out(300'000), in(300'000), back(300'000);
        for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::byte>(i * 11);
        auto [put, got] = co_await async::when_all(client.write_all(out), server.read_exact(in));
        EXPECT_TRUE(put);
        EXPECT_TRUE(got);
        EXPECT_EQ(in, out);
        auto [put_back, got_back] = co_await async::when_all(server.write_all(in), client.read_exact(back));
        EXPECT_TRUE(put_back);
        EXPECT_TRUE(got_back);
        EXPECT_EQ(back, out);
        EXPECT_TRUE(fails_with(co_await async::timeout(1ms, server.read(in)), std::errc::timed_out));
        auto close = [](async::NamedPipe& end) -> Task<> {
            co_await async::yield();
            end.close();
        };
        auto [end, none] = co_await async::when_all(async::timeout(10s, server.read(in)), close(client));
        EXPECT_EQ(must(std::move(end)), 0u);
    }());
}

} // namespace
