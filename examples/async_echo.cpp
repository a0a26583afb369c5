// async_echo [ADDRESS]: a TCP echo server of coroutines, at 127.0.0.1:9000 by default. A client that is silent for a
// minute is disconnected. After SIGINT or SIGTERM it reads nothing more, and clients have a second to receive their replies.

#include <array>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <expected>
#include <iostream>
#include <span>
#include <utility>

import mio;
import mio.async;

namespace async = mio::async;
using namespace std::chrono_literals;

async::Task<> echo(async::TcpStream client) {
    std::array<std::byte, 8 * 1024> buffer;
    while (const auto got = co_await async::timeout(60s, client.read(buffer))) {
        if (*got == 0) co_return; // the client has sent everything
        const auto reply = std::span(buffer).first(*got);
        if (!co_await async::shield(async::timeout(60s, client.write_all(reply)))) co_return;
    }
}

async::Task<> accept_all(async::TcpListener& listener, async::Group& clients) {
    while (true) {
        if (auto client = co_await listener.accept()) clients.spawn(echo, std::move(*client));
        // Out of descriptors: clients may leave meanwhile. Once cancelled, the sleep fails as well.
        else if (!co_await async::sleep_for(100ms))
            co_return;
    }
}

async::Task<mio::Result<>> serve(const char* name) {
    const auto address = mio::net::SocketAddress::parse(name);
    if (!address) co_return std::unexpected(address.error());
    auto listener = async::TcpListener::bind(*address);
    if (!listener) co_return std::unexpected(listener.error());
    auto signals = mio::Signals::create({mio::Signal::interrupt, mio::Signal::terminate});
    if (!signals) co_return std::unexpected(signals.error());
    async::Async stop(std::move(*signals), mio::Interest::readable);
    const auto receive = [](mio::Signals& from) { return from.receive(); };
    std::cout << "listening on " << listener->local_address()->to_string() << std::endl;

    async::Group clients(co_await async::this_context());
    co_await async::when_any(stop.perform(mio::Interest::readable, receive), accept_all(*listener, clients));
    clients.cancel();
    static_cast<void>(co_await async::timeout(1s, clients.join()));
    co_return {}; // destroys the clients that are left
}

int main(int argc, char** argv) {
    auto loop = async::Loop::create().value();
    const auto served = async::run(loop, serve(argc > 1 ? argv[1] : "127.0.0.1:9000")).value();
    if (!served) std::cerr << "async_echo: " << served.error().message() << '\n';
    return served ? 0 : 1;
}
