// Coroutines of this library.

#pragma once

#include "contestants/async_contestant.hpp"
#include "harness/failure.hpp"
#include "harness/latencies.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string_view>
#include <utility>

#include "contestants/mio.hpp"

import mio.async;

namespace bench {

/// `await` and `spawn` end a lap after each `async_batch` coroutines, since the cost of one is below that of reading the
/// clock.
template <class Latencies = NoLatencies> class MioAsync {
  public:
    static constexpr std::string_view name = "mio-async";

    explicit MioAsync(Latencies latencies = {}) : latencies_(std::move(latencies)) {}

    void serve(int listener, std::uint64_t connections) {
        must(mio::async::run(loop_, serve_all(listener, connections)), "run");
    }
    void await(std::uint64_t count) {
        if (must(mio::async::run(loop_, await_all(count)), "run") != count * (count - 1) / 2)
            fail("await", 0);
    }
    void spawn(std::uint64_t count) {
        std::uint64_t ended = 0;
        must(mio::async::run(loop_, spawn_all(count, ended)), "run");
        if (ended != count) fail("spawn", 0);
    }
    void timeout(std::uint64_t count) {
        if (must(mio::async::run(loop_, await_all_in_time(count)), "run") != count * (count - 1) / 2)
            fail("timeout", 0);
    }
    void channel(std::uint64_t count) {
        mio::async::Channel<std::uint64_t> channel(async_channel);
        mio::async::spawn(loop_, send_all(channel, count));
        if (must(mio::async::run(loop_, receive_all(channel)), "run") != count * (count - 1) / 2)
            fail("channel", 0);
    }

  private:
    static mio::async::Task<> echo(mio::async::TcpStream stream) {
        std::array<std::byte, async_buffer> buffer;
        while (const auto got = co_await stream.read(buffer)) {
            if (*got == 0) co_return;
            if (!co_await stream.write_all(std::span(buffer).first(*got))) co_return;
        }
    }
    static mio::async::Task<> serve_all(int descriptor, std::uint64_t connections) {
        mio::async::TcpListener listener(
            mio::net::TcpListener::from_raw(static_cast<mio::RawHandle>(descriptor)));
        mio::async::Group clients(co_await mio::async::this_context());
        for (; connections != 0; --connections)
            clients.spawn(echo(must(co_await listener.accept(), "accept")));
        must(co_await clients.join(), "join");
    }

    static mio::async::Task<std::uint64_t> same(std::uint64_t number) { co_return number; }
    mio::async::Task<std::uint64_t> await_all(std::uint64_t count) {
        std::uint64_t sum = 0;
        latencies_.begin();
        for (std::uint64_t i = 0; i < count;) {
            for (const auto end = std::min(i + async_batch, count); i < end; ++i) sum += co_await same(i);
            latencies_.lap();
        }
        co_return sum;
    }

    static mio::async::Task<> increment(std::uint64_t& number) {
        ++number;
        co_return;
    }
    mio::async::Task<> spawn_all(std::uint64_t count, std::uint64_t& ended) {
        mio::async::Group group(co_await mio::async::this_context());
        latencies_.begin();
        while (ended < count) {
            for (auto left = std::min(async_batch, count - ended); left != 0; --left)
                group.spawn(increment(ended));
            must(co_await group.join(), "join");
            latencies_.lap();
        }
    }

    static mio::async::Task<mio::Result<std::uint64_t>> same_result(std::uint64_t number) {
        co_return number;
    }
    static mio::async::Task<std::uint64_t> await_all_in_time(std::uint64_t count) {
        std::uint64_t sum = 0;
        for (std::uint64_t i = 0; i < count; ++i)
            sum += must(co_await mio::async::timeout(std::chrono::seconds(30), same_result(i)), "timeout");
        co_return sum;
    }

    static mio::async::Task<> send_all(mio::async::Channel<std::uint64_t>& channel, std::uint64_t count) {
        for (std::uint64_t i = 0; i < count; ++i) must(co_await channel.send(i), "send");
        channel.close();
    }
    static mio::async::Task<std::uint64_t> receive_all(mio::async::Channel<std::uint64_t>& channel) {
        std::uint64_t sum = 0;
        while (const auto number = co_await channel.receive()) sum += *number;
        co_return sum;
    }

    [[no_unique_address]] Latencies latencies_;
    mio::async::Loop loop_ = must(mio::async::Loop::create(), "create");
};

} // namespace bench
