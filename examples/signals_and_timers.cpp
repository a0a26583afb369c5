// signals_and_timers [ADDRESS]: counts datagrams. Prints the count of the last second every second, and the
// total on SIGUSR1, SIGINT and SIGTERM; the latter two end the program. ADDRESS is 127.0.0.1:9000 by default;
// with port 0 the system chooses a port, and the first line of output contains it.
//
//     signals_and_timers & echo hello | nc -u -q 0 127.0.0.1 9000; kill -USR1 $!
//
// Shows a loop that waits for a socket, a timer and signals. The latter two are Linux descriptors, watched
// with a RawSource like any other; raw/ has a program for each.

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
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

constexpr mio::Token socket_token{0};
constexpr mio::Token timer_token{1};
constexpr mio::Token signals_token{2};

mio::OwnedHandle make_signals() {
    ::sigset_t set;
    ::sigemptyset(&set);
    for (const int number : {SIGUSR1, SIGINT, SIGTERM}) ::sigaddset(&set, number);
    // Block the signals, which prevents their default action. In a multi-threaded program, do so before
    // starting threads.
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    return mio::OwnedHandle(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
}

mio::OwnedHandle make_timer() {
    mio::OwnedHandle timer(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    ::itimerspec every_second{};
    every_second.it_value.tv_sec = 1;
    every_second.it_interval.tv_sec = 1;
    if (::timerfd_settime(timer.get(), 0, &every_second, nullptr) == -1) return {};
    return timer;
}

/// Reads the next record, which both kinds of descriptors deliver in one read; would-block if there is none.
template <class Record> mio::Result<Record> read_record(const mio::RawSource& source) {
    // Operations that may block must run inside `try_io`: backends that emulate edges require it.
    return source.try_io(mio::Interest::readable, [&]() -> mio::Result<Record> {
        Record record;
        if (::read(source.raw(), &record, sizeof record) == sizeof record) return record;
        return std::unexpected(std::error_code(errno, mio::os_category()));
    });
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

    const mio::OwnedHandle signals_handle = make_signals();
    if (signals_handle.get() == mio::invalid_handle)
        return fail("cannot make a signalfd", {errno, mio::os_category()});
    const mio::OwnedHandle timer_handle = make_timer();
    if (timer_handle.get() == mio::invalid_handle)
        return fail("cannot make a timerfd", {errno, mio::os_category()});

    auto poll = mio::Poll::create();
    if (!poll) return fail("cannot make a poll", poll.error());
    const auto& registry = poll->registry();

    auto socket = net::UdpSocket::bind(*address);
    if (!socket) return fail(name, socket.error());
    // With level trigger, one batch per event is sufficient: every poll reports the socket while datagrams
    // are pending. The timer and the signals are served in between, however many datagrams arrive.
    auto added = registry.add(*socket, socket_token, mio::Interest::readable, mio::Trigger::level);
    if (!added) return fail("cannot watch the socket", added.error());
    mio::RawSource timer(timer_handle.get());
    added = registry.add(timer, timer_token, mio::Interest::readable);
    if (!added) return fail("cannot watch the timer", added.error());
    mio::RawSource signals(signals_handle.get());
    added = registry.add(signals, signals_token, mio::Interest::readable);
    if (!added) return fail("cannot watch the signals", added.error());

    const auto local = socket->local_address();
    if (!local) return fail(name, local.error());
    std::cout << "listening on " << local->to_string()
              << std::endl; // flushed: another program may wait for it

    mio::Events events(16);
    std::uint64_t total = 0;
    std::uint64_t reported = 0;
    for (bool running = true; running;) {
        if (const auto polled = poll->poll(events); !polled) {
            if (mio::interrupted(polled.error())) continue; // for example, stopped and continued
            return fail("cannot poll", polled.error());
        }
        for (const auto& event : events) {
            if (event.token() == socket_token) {
                total += count_datagrams(*socket);
            } else if (event.token() == timer_token) {
                // Edge trigger: read until it would block. The value is the number of expirations since the
                // last read: more than one if the program was delayed.
                while (const auto seconds = read_record<std::uint64_t>(timer)) {
                    std::cout << total - reported << " datagrams in " << *seconds << " s" << std::endl;
                    reported = total;
                }
            } else if (event.token() == signals_token) {
                while (const auto signal = read_record<::signalfd_siginfo>(signals)) {
                    if (signal->ssi_signo != SIGUSR1) running = false;
                    std::cout << total << " datagrams in all" << std::endl;
                }
            }
        }
    }

    // A RawSource does not own its handle: remove it before the handle is closed.
    for (auto* source : {&timer, &signals}) {
        if (const auto removed = registry.remove(*source); !removed)
            return fail("cannot remove", removed.error());
    }
    return EXIT_SUCCESS;
}
