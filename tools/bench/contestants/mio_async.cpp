// Coroutines of this library.

#include "workloads/async.hpp"

#include "harness/failure.hpp"
#include "harness/suite.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

import mio;
import mio.async;

namespace bench {
namespace {

namespace async = mio::async;
using async::Task;

template <class T> T must(mio::Result<T> result, const char* call) {
    if (!result) [[unlikely]]
        fail(call, result.error().value());
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

class MioAsync {
  public:
    static constexpr std::string_view name = "mio-async";

    void serve(int listener, std::uint64_t connections) {
        must(async::run(loop_, serve_all(listener, connections)), "run");
    }
    void await(std::uint64_t count) {
        if (must(async::run(loop_, await_all(count)), "run") != count * (count - 1) / 2) fail("await", 0);
    }
    void spawn(std::uint64_t count) {
        std::uint64_t ended = 0;
        must(async::run(loop_, spawn_all(count, ended)), "run");
        if (ended != count) fail("spawn", 0);
    }
    void timeout(std::uint64_t count) {
        if (must(async::run(loop_, await_all_in_time(count)), "run") != count * (count - 1) / 2)
            fail("timeout", 0);
    }
    void channel(std::uint64_t count) {
        async::Channel<std::uint64_t> channel(async_channel);
        async::spawn(loop_, send_all(channel, count));
        if (must(async::run(loop_, receive_all(channel)), "run") != count * (count - 1) / 2)
            fail("channel", 0);
    }

  private:
    static Task<> echo(async::TcpStream stream) {
        std::array<std::byte, async_buffer> buffer;
        while (const auto got = co_await stream.read(buffer)) {
            if (*got == 0) co_return;
            if (!co_await stream.write_all(std::span(buffer).first(*got))) co_return;
        }
    }
    static Task<> serve_all(int descriptor, std::uint64_t connections) {
        async::TcpListener listener(mio::net::TcpListener::from_raw(descriptor));
        async::Group clients(co_await async::this_context());
        for (; connections != 0; --connections)
            clients.spawn(echo(must(co_await listener.accept(), "accept")));
        must(co_await clients.join(), "join");
    }

    static Task<std::uint64_t> same(std::uint64_t number) { co_return number; }
    static Task<std::uint64_t> await_all(std::uint64_t count) {
        std::uint64_t sum = 0;
        for (std::uint64_t i = 0; i < count; ++i) sum += co_await same(i);
        co_return sum;
    }

    static Task<> increment(std::uint64_t& number) {
        ++number;
        co_return;
    }
    static Task<> spawn_all(std::uint64_t count, std::uint64_t& ended) {
        async::Group group(co_await async::this_context());
        while (ended < count) {
            for (auto left = std::min(async_batch, count - ended); left != 0; --left)
                group.spawn(increment(ended));
            must(co_await group.join(), "join");
        }
    }

    static Task<mio::Result<std::uint64_t>> same_result(std::uint64_t number) { co_return number; }
    static Task<std::uint64_t> await_all_in_time(std::uint64_t count) {
        std::uint64_t sum = 0;
        for (std::uint64_t i = 0; i < count; ++i)
            sum += must(co_await async::timeout(std::chrono::seconds(30), same_result(i)), "timeout");
        co_return sum;
    }

    static Task<> send_all(async::Channel<std::uint64_t>& channel, std::uint64_t count) {
        for (std::uint64_t i = 0; i < count; ++i) must(co_await channel.send(i), "send");
        channel.close();
    }
    static Task<std::uint64_t> receive_all(async::Channel<std::uint64_t>& channel) {
        std::uint64_t sum = 0;
        while (const auto number = co_await channel.receive()) sum += *number;
        co_return sum;
    }

    async::Loop loop_ = must(async::Loop::create(), "create");
};

} // namespace

void enter_mio_async(Suite& suite) { enter_async<MioAsync>(suite); }

} // namespace bench
