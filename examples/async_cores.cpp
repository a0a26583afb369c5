// async_cores [ADDRESS [share|hand]]: an echo server with a loop, and a thread, per core. ADDRESS is 127.0.0.1:9000 by
// default; with port 0 the system chooses a port, and the first line of output contains it. Exits on SIGINT and SIGTERM,
// and prints how many clients each core has served.
//
//     share  Each core has its own listener for the port, and the kernel chooses one per connection (SO_REUSEPORT). It
//            needs no communication between the threads, but with few clients the choice is uneven. On Linux and FreeBSD
//     hand   (default) One listener accepts, and hands the streams to the cores through a channel, one after the other
//
// Everything belongs to one loop, except channels and `RemoteLoop`. A stream may move to another thread until it has
// waited for the first time. Closing a channel is a way to inform all loops.

#include <algorithm>
#include <array>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdlib>
#include <expected>
#include <iostream>
#include <list>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

import mio;
import mio.async;

namespace async = mio::async;
namespace net = mio::net;
using async::Task;
using namespace std::chrono_literals;

namespace {

/// State shared by the threads.
struct Shared {
    async::Channel<async::TcpStream> streams{64}; // from the listener to the cores
    async::Channel<bool> stop{1};                 // is closed at the end
};

Task<> echo(async::TcpStream client) {
    std::array<std::byte, 8 * 1024> buffer;
    while (const auto got = co_await client.read(buffer)) {
        if (*got == 0 || !co_await client.write_all(std::span(buffer).first(*got))) co_return;
    }
}

/// Accepts until it is cancelled.
Task<mio::Result<async::TcpStream>> accept(async::TcpListener& listener) {
    while (true) {
        auto client = co_await listener.accept();
        if (client) co_return client;
        // Out of descriptors: existing clients may leave meanwhile.
        if (auto slept = co_await async::sleep_for(100ms); !slept) co_return std::unexpected(slept.error());
    }
}

/// A core, its loop and its clients.
struct Core {
    std::size_t served = 0;
    std::error_code error;
    std::jthread thread;

    Task<> accept_all(async::TcpListener& listener, async::Group& clients) {
        while (auto client = co_await accept(listener)) {
            ++served;
            clients.spawn(echo, std::move(*client));
        }
    }

    /// With a listener of its own.
    Task<> share(net::TcpListener own, Shared& shared) {
        async::TcpListener listener(std::move(own));
        async::Group clients(co_await async::this_context());
        co_await async::when_any(shared.stop.receive(), accept_all(listener, clients));
    } // destroys the clients that are left

    /// With streams from the channel.
    Task<> take(Shared& shared) {
        async::Group clients(co_await async::this_context());
        while (auto client = co_await shared.streams.receive()) {
            ++served;
            clients.spawn(echo, std::move(*client));
        }
    }

    /// Runs `task` on a loop of this thread.
    void run(Task<> task) {
        auto loop = async::Loop::create();
        const auto ran = loop ? async::run(*loop, std::move(task)) : std::unexpected(loop.error());
        if (!ran) error = ran.error();
    }
};

Task<> hand_over(async::TcpListener& listener, Shared& shared) {
    while (auto client = co_await accept(listener))
        if (!co_await shared.streams.send(std::move(*client))) co_return;
}

/// A listener for a port that others listen on too.
mio::Result<net::TcpListener> listen(const net::SocketAddress& address) {
    auto socket = address.ip().is_v4() ? net::TcpSocket::v4() : net::TcpSocket::v6();
    if (!socket) return std::unexpected(socket.error());
    if (auto set = socket->set_reuse_port(true); !set) return std::unexpected(set.error());
    if (auto bound = socket->bind(address); !bound) return std::unexpected(bound.error());
    return std::move(*socket).listen(1024);
}

mio::Result<mio::SignalInfo> receive(mio::Signals& signals) { return signals.receive(); }

Task<mio::Result<>> run(net::SocketAddress address, bool is_shared) {
    // Before the threads, which inherit that these signals are blocked.
    auto signals = mio::Signals::create({mio::Signal::interrupt, mio::Signal::terminate});
    if (!signals) co_return std::unexpected(signals.error());
    async::Async stop(std::move(*signals), mio::Interest::readable);

    const std::size_t count = std::max(1u, std::thread::hardware_concurrency());
    std::vector<net::TcpListener> listeners;
    while (listeners.size() < (is_shared ? count : 1)) {
        auto listener = is_shared ? listen(address) : net::TcpListener::bind(address);
        if (!listener) co_return std::unexpected(listener.error());
        const auto local = listener->local_address();
        if (!local) co_return std::unexpected(local.error());
        address = *local; // with the port that the system chose for the first one
        listeners.push_back(std::move(*listener));
    }

    Shared shared;
    std::list<Core> cores(count);
    std::size_t started = 0;
    for (auto& core : cores)
        core.thread = std::jthread([&core, &shared, own = is_shared ? &listeners[started++] : nullptr] {
            core.run(own != nullptr ? core.share(std::move(*own), shared) : core.take(shared));
        });
    std::cout << "listening on " << address.to_string() << std::endl;

    if (is_shared) {
        static_cast<void>(co_await stop.perform(mio::Interest::readable, receive));
    } else {
        async::TcpListener listener(std::move(listeners[0]));
        co_await async::when_any(stop.perform(mio::Interest::readable, receive), hand_over(listener, shared));
    }
    shared.streams.close();
    shared.stop.close();

    mio::Result<> result;
    for (std::size_t number = 0; auto& core : cores) {
        core.thread.join();
        if (core.error) result = std::unexpected(core.error);
        std::cout << "core " << number++ << " has served " << core.served << " clients" << std::endl;
    }
    co_return result;
}

} // namespace

int main(int argc, char** argv) {
    const auto address = net::SocketAddress::parse(argc > 1 ? argv[1] : "127.0.0.1:9000");
    const std::string_view way = argc > 2 ? argv[2] : "hand";
    if (argc > 3 || !address || (way != "share" && way != "hand")) {
        std::cerr
            << "usage: async_cores [ADDRESS [share|hand]]   (an address with a port, like 127.0.0.1:9000)\n";
        return 2;
    }

    auto loop = async::Loop::create();
    if (!loop) {
        std::cerr << "async_cores: cannot make a loop: " << loop.error().message() << '\n';
        return EXIT_FAILURE;
    }
    const auto served = async::run(*loop, run(*address, way == "share"));
    const auto result = served ? *served : std::unexpected(served.error());
    if (!result) std::cerr << "async_cores: " << result.error().message() << '\n';
    return result ? EXIT_SUCCESS : EXIT_FAILURE;
}
