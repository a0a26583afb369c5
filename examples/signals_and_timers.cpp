// signals_and_timers [ADDRESS]: counts datagrams. Prints the count of the last second every second, and the
// total on SIGUSR1, SIGINT and SIGTERM; the latter two end the program. ADDRESS is 127.0.0.1:9000 by default;
// with port 0 the system chooses a port, and the first line of output contains it.
//
//     signals_and_timers & echo hello | nc -u -q 0 127.0.0.1 9000; kill -USR1 $!
//
// Shows a loop that waits for a socket, signals and points in time. On Windows there is no SIGUSR1, and the
// others are Ctrl-C and the end of the system.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <expected>
#include <iostream>
#include <string>
#include <string_view>
#include <system_error>

import mio;

namespace net = mio::net;

namespace {

using Clock = std::chrono::steady_clock;
using mio::Signal;

constexpr mio::Token socket_token{0};
constexpr mio::Token signals_token{1};

mio::Result<mio::Signals> make_signals() {
    auto signals = mio::Signals::create({Signal::interrupt, Signal::terminate, Signal::user1});
    if (!signals && signals.error() == mio::Errc::unsupported)
        signals = mio::Signals::create({Signal::interrupt, Signal::terminate});
    return signals;
}

/// Receives a batch of datagrams. Only their number is used, so all share one byte as buffer.
std::uint64_t count_datagrams(const net::UdpSocket& socket) {
    std::array<std::byte, 1> scrap;
    std::array<net::IncomingDatagram, 64> batch;
    for (auto& datagram : batch) datagram.buffer = scrap;
    return socket.receive_many(batch).value_or(0);
}

int fail(std::string_view what, const std::error_code& error) {
    std::cerr << "signals_and_timers: " << what << ": " << error.message() << '\n';
    return EXIT_FAILURE;
}

} // namespace

int main(int argc, char** argv) {
    const std::string_view name = argc > 1 ? argv[1] : "127.0.0.1:9000";
    const auto address = net::SocketAddress::parse(name);
    if (argc > 2 || !address) {
        std::cerr << "usage: signals_and_timers [ADDRESS]   (an address with a port, like 127.0.0.1:9000 or "
                     "[::1]:9000)\n";
        return 2;
    }

    // This blocks the signals, which prevents their default action. In a multi-threaded program, do so before
    // starting threads.
    auto signals = make_signals();
    if (!signals) return fail("cannot watch for signals", signals.error());

    auto poll = mio::Poll::create();
    if (!poll) return fail("cannot make a poll", poll.error());
    const auto& registry = poll->registry();

    auto socket = net::UdpSocket::bind(*address);
    if (!socket) return fail(name, socket.error());
    // With level trigger, one batch per event is sufficient: every poll reports the socket while datagrams
    // are pending. The clock and the signals are served in between, however many datagrams arrive.
    auto added = registry.add(*socket, socket_token, mio::Interest::readable, mio::Trigger::level);
    if (!added) return fail("cannot watch the socket", added.error());
    added = registry.add(*signals, signals_token, mio::Interest::readable);
    if (!added) return fail("cannot watch the signals", added.error());

    const auto local = socket->local_address();
    if (!local) return fail(name, local.error());
    std::cout << "listening on " << local->to_string()
              << std::endl; // flushed: another program may wait for it

    mio::Events events(16);
    std::uint64_t total = 0;
    std::uint64_t reported = 0;
    auto last_tick = Clock::now();
    for (bool running = true; running;) {
        // A deadline instead of a timeout: other events do not delay the next tick.
        if (const auto polled = poll->poll_until(events, last_tick + std::chrono::seconds(1)); !polled)
            return fail("cannot poll", polled.error());
        for (const auto& event : events) {
            if (event.token() == socket_token) {
                total += count_datagrams(*socket);
            } else if (event.token() == signals_token) {
                // Edge trigger: receive until it would block.
                while (const auto info = signals->receive()) {
                    if (info->signal != Signal::user1) running = false;
                    std::cout << total << " datagrams in all" << std::endl;
                }
            }
        }
        // More than one second if the program was delayed.
        const auto seconds = std::chrono::floor<std::chrono::seconds>(Clock::now() - last_tick);
        if (seconds.count() != 0) {
            std::cout << total - reported << " datagrams in " << seconds.count() << " s" << std::endl;
            reported = total;
            last_tick += seconds;
        }
    }
}
