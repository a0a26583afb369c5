// Coroutines of standalone Asio: awaitable<>, with errors as values where this library has them.

#include "workloads/async.hpp"

#include "harness/failure.hpp"
#include "harness/suite.hpp"

#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/experimental/channel.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>

namespace bench {
namespace {

using ::asio::awaitable;
using ::asio::ip::tcp;

constexpr auto as_result = ::asio::experimental::as_tuple(::asio::use_awaitable);

class AsioAsync {
  public:
    static constexpr std::string_view name = "asio-async";

    void serve(int listener, std::uint64_t connections) { run(serve_all(listener, connections)); }
    void await(std::uint64_t count) {
        run(await_all(count));
        if (sum_ != count * (count - 1) / 2) fail("await", 0);
    }
    void spawn(std::uint64_t count) {
        run(spawn_all(count));
        if (sum_ != count) fail("spawn", 0);
    }
    void timeout(std::uint64_t count) {
        run(await_all_in_time(count));
        if (sum_ != count * (count - 1) / 2) fail("timeout", 0);
    }
    void channel(std::uint64_t count) {
        Channel channel(context_, async_channel);
        ::asio::co_spawn(context_, send_all(channel, count), ::asio::detached);
        run(receive_all(channel));
        if (sum_ != count * (count - 1) / 2) fail("channel", 0);
    }

  private:
    using Channel = ::asio::experimental::channel<void(std::error_code, std::uint64_t)>;

    void run(awaitable<void> main) {
        ::asio::co_spawn(context_, std::move(main), ::asio::detached);
        context_.run();
    }

    static awaitable<void> echo(tcp::socket stream) {
        std::array<std::byte, async_buffer> buffer;
        while (true) {
            const auto [failed, got] = co_await stream.async_read_some(::asio::buffer(buffer), as_result);
            if (failed) co_return; // also the end of the stream
            const auto [cut, put] =
                co_await ::asio::async_write(stream, ::asio::buffer(buffer.data(), got), as_result);
            if (cut) co_return;
        }
    }
    awaitable<void> serve_all(int descriptor, std::uint64_t connections) {
        tcp::acceptor listener(context_, tcp::v4(), descriptor);
        for (; connections != 0; --connections) {
            ::asio::co_spawn(context_, echo(co_await listener.async_accept(::asio::use_awaitable)),
                             ::asio::detached);
        }
    }

    static awaitable<std::uint64_t> same(std::uint64_t number) { co_return number; }
    awaitable<void> await_all(std::uint64_t count) {
        for (std::uint64_t i = 0; i < count; ++i) sum_ += co_await same(i);
    }

    awaitable<void> increment() {
        ++sum_;
        co_return;
    }
    awaitable<void> spawn_all(std::uint64_t count) {
        while (sum_ < count) {
            for (auto left = std::min(async_batch, count - sum_); left != 0; --left)
                ::asio::co_spawn(context_, increment(), ::asio::detached);
            // Behind those in the queue.
            co_await ::asio::post(context_, ::asio::use_awaitable);
        }
    }

    awaitable<void> await_all_in_time(std::uint64_t count) {
        using namespace ::asio::experimental::awaitable_operators;
        ::asio::steady_timer timer(context_);
        for (std::uint64_t i = 0; i < count; ++i) {
            timer.expires_after(std::chrono::seconds(30));
            const auto first = co_await (same(i) || timer.async_wait(::asio::use_awaitable));
            sum_ += std::get<0>(first);
        }
    }

    static awaitable<void> send_all(Channel& channel, std::uint64_t count) {
        for (std::uint64_t i = 0; i < count; ++i)
            co_await channel.async_send(std::error_code(), i, ::asio::use_awaitable);
        channel.close();
    }
    awaitable<void> receive_all(Channel& channel) {
        while (true) {
            const auto [failed, number] = co_await channel.async_receive(as_result);
            if (failed) co_return;
            sum_ += number;
        }
    }

    std::uint64_t sum_ = 0;
    ::asio::io_context context_{1}; // one thread runs it
};

} // namespace

void enter_asio_async(Suite& suite) { enter_async<AsioAsync>(suite); }

} // namespace bench
