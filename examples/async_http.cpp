// async_http [ADDRESS [SECONDS]]: the HTTP/1.1 server of http_hello, with coroutines and time limits. ADDRESS is
// 127.0.0.1:9000 by default; with port 0 the system chooses a port, and the first line of output contains it.
//
//     async_http & curl -i http://127.0.0.1:9000/        wrk -c 100 http://127.0.0.1:9000/
//
// Connections are persistent, and requests may be pipelined. A client has SECONDS, 30 by default, to begin a request, the
// same time to complete its head, and the same time to receive a response or to send more of a body. Each client has two fixed
// buffers and nothing is read while responses are unsent, so that the memory per client is bounded: this is
// back-pressure, see http_connection.hpp. After SIGINT or SIGTERM no further request is read, and clients have a second
// to receive their responses.

#include <algorithm>
#include <charconv>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <expected>
#include <functional>
#include <iostream>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "http.hpp"

import mio;
import mio.async;

#include "http_connection.hpp"

namespace async = mio::async;
namespace net = mio::net;
using async::Task;
using namespace std::chrono_literals;

namespace {

struct Server {
    std::chrono::seconds limit = 30s;
    http::Date date;
};

Task<> serve(async::TcpStream stream, Server& server) {
    Connection client(std::move(stream), server.limit);
    while (const auto request = co_await client.next_request()) {
        if (!co_await client.skip(request->body_size)) co_return;
        const bool is_ok = request->status.starts_with("200");
        http::respond(client.output, *request, server.date.now(), is_ok ? "Hello, world!" : request->status);
        if (!request->keep_alive) co_return co_await client.finish();
    }
}

Task<> accept_all(async::TcpListener& listener, async::Group& clients, Server& server) {
    while (true) {
        auto client = co_await listener.accept();
        if (client) {
            // Small responses are sent at once. On failure the connection is only slower.
            [[maybe_unused]] const auto set = client->source().set_nodelay(true);
            clients.spawn(serve, std::move(*client), std::ref(server));
        } else if (!co_await async::sleep_for(100ms)) {
            co_return; // cancelled; otherwise, out of descriptors: existing clients may leave meanwhile
        }
    }
}

mio::Result<mio::SignalInfo> receive(mio::Signals& signals) { return signals.receive(); }

Task<mio::Result<>> run(net::SocketAddress address, Server server) {
    auto listener = async::TcpListener::bind(address);
    if (!listener) co_return std::unexpected(listener.error());
    auto signals = mio::Signals::create({mio::Signal::interrupt, mio::Signal::terminate});
    if (!signals) co_return std::unexpected(signals.error());
    async::Async stop(std::move(*signals), mio::Interest::readable);
    const auto local = listener->local_address();
    if (!local) co_return std::unexpected(local.error());
    std::cout << "listening on " << local->to_string() << std::endl;

    async::Group clients(co_await async::this_context());
    co_await async::when_any(stop.perform(mio::Interest::readable, receive),
                             accept_all(*listener, clients, server));
    clients.cancel();
    static_cast<void>(co_await async::timeout(1s, clients.join()));
    co_return {};
}

} // namespace

int main(int argc, char** argv) {
    const auto address = net::SocketAddress::parse(argc > 1 ? argv[1] : "127.0.0.1:9000");
    int seconds = 30;
    if (argc > 2) std::from_chars(argv[2], argv[2] + std::strlen(argv[2]), seconds);
    if (argc > 3 || !address || seconds <= 0) {
        std::cerr
            << "usage: async_http [ADDRESS [SECONDS]]   (an address with a port, like 127.0.0.1:9000)\n";
        return 2;
    }

    auto loop = async::Loop::create();
    if (!loop) {
        std::cerr << "async_http: cannot make a loop: " << loop.error().message() << '\n';
        return EXIT_FAILURE;
    }
    const auto served =
        async::run(*loop, run(*address, {.limit = std::chrono::seconds(seconds), .date = {}}));
    const auto result = served ? *served : std::unexpected(served.error());
    if (!result) std::cerr << "async_http: " << result.error().message() << '\n';
    return result ? EXIT_SUCCESS : EXIT_FAILURE;
}
