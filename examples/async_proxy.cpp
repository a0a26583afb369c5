// async_proxy LISTEN TARGET: forwards every connection to LISTEN to a new connection to TARGET, both ways. With port 0
// the system chooses the port of LISTEN, and the first line of output contains it.
//
//     async_proxy 127.0.0.1:8080 127.0.0.1:80 & curl http://127.0.0.1:8080/
//
// The two directions of a connection are two coroutines in one scope. One side can end its stream and still receive. A
// side that does not read stops the other side from sending, so memory stays bounded. A reset of one side cancels both
// directions and resets the other side; it is not turned into an orderly end, which would make cut data look complete.
// A connection on which nothing happens for ten minutes is reset. Exits on SIGINT and SIGTERM.

#include <array>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdlib>
#include <expected>
#include <iostream>
#include <span>
#include <string>
#include <system_error>
#include <utility>

import mio;
import mio.async;

namespace async = mio::async;
namespace net = mio::net;
using async::Task;
using namespace std::chrono_literals;

namespace {

constexpr auto idle_limit = 10min;

/// The state that the coroutines of a connection share.
struct Both {
    async::Scope scope;
    mio::time::Clock::time_point active = mio::time::Clock::now(); // when data was last forwarded
    bool is_cut = false;                                           // some data is lost, or may be

    void cut() noexcept {
        is_cut = true;
        scope.cancel();
    }
};

/// Forwards data until end of stream, then shuts down the other side.
Task<> forward(async::TcpStream& from, async::TcpStream& to, Both& both) {
    std::array<std::byte, 8 * 1024> buffer;
    while (true) {
        const auto got = co_await from.read(buffer);
        if (got && *got != 0) {
            if (!co_await to.write_all(std::span(buffer).first(*got))) co_return both.cut();
            both.active = mio::time::Clock::now();
        } else if (!got || !to.shutdown(net::Shutdown::write)) {
            // Cancelled: the program ends, or the other direction has failed.
            if (got || got.error() != std::errc::operation_canceled) both.cut();
            co_return;
        } else {
            co_return;
        }
    }
}

/// Ends when nothing has been forwarded for a while: one side may be gone while the other one is silent, or does not
/// read.
Task<> idle(Both& both) {
    while (co_await async::sleep_until(both.active + idle_limit))
        if (both.active + idle_limit <= mio::time::Clock::now()) co_return both.cut();
}

/// Ends when the peer has reset the connection. `forward` does not see that while it waits for the other side to read, or
/// after the peer has ended its stream.
Task<> watch(async::TcpStream& stream, Both& both) {
    while (co_await stream.hung_up()) {
        const auto error = stream.source().take_error();
        if (!error || *error) co_return both.cut();
    }
}

/// Makes closing the stream reset it.
void reset_at_close(async::TcpStream& stream) {
    [[maybe_unused]] const auto set = stream.source().set_linger(0s);
}

Task<> serve(async::TcpStream client, net::SocketAddress target) {
    auto server = co_await async::timeout(10s, async::TcpStream::connect(target));
    if (!server) {
        reset_at_close(client); // not an orderly end, which could be taken for an empty reply
        co_return;
    }
    for (auto* stream : {&client, &*server}) [[maybe_unused]]
        const auto set = stream->source().set_nodelay(true);

    Both both;
    co_await async::within(
        both.scope,
        async::when_any(async::when_all(forward(client, *server, both), forward(*server, client, both)),
                        async::when_all(idle(both), watch(client, both), watch(*server, both))));
    if (both.is_cut) {
        reset_at_close(client);
        reset_at_close(*server);
    }
}

Task<> accept_all(async::TcpListener& listener, async::Group& clients, net::SocketAddress target) {
    bool has_failed = false;
    while (true) {
        auto client = co_await listener.accept();
        if (client) {
            has_failed = false;
            clients.spawn(serve, std::move(*client), target);
            continue;
        }
        if (client.error() == std::errc::operation_canceled) co_return;
        if (!std::exchange(has_failed, true))
            std::cerr << "async_proxy: cannot accept for now: " << client.error().message() << '\n';
        // Out of descriptors: existing clients may leave meanwhile.
        if (!co_await async::sleep_for(100ms)) co_return;
    }
}

mio::Result<mio::SignalInfo> receive(mio::Signals& signals) { return signals.receive(); }

Task<mio::Result<>> run(net::SocketAddress address, net::SocketAddress target) {
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
                             accept_all(*listener, clients, target));
    clients.cancel();
    co_return co_await clients.join();
}

} // namespace

int main(int argc, char** argv) {
    const auto address = net::SocketAddress::parse(argc > 1 ? argv[1] : "");
    const auto target = net::SocketAddress::parse(argc > 2 ? argv[2] : "");
    if (argc != 3 || !address || !target) {
        std::cerr << "usage: async_proxy LISTEN TARGET   (addresses with ports, like 127.0.0.1:9000)\n";
        return 2;
    }

    auto loop = async::Loop::create();
    if (!loop) {
        std::cerr << "async_proxy: cannot make a loop: " << loop.error().message() << '\n';
        return EXIT_FAILURE;
    }
    const auto served = async::run(*loop, run(*address, *target));
    const auto result = served ? *served : std::unexpected(served.error());
    if (!result) std::cerr << "async_proxy: " << result.error().message() << '\n';
    return result ? EXIT_SUCCESS : EXIT_FAILURE;
}
