// tcp_echo [ADDRESS]: sends every client its own words back. ADDRESS is 127.0.0.1:9000 unless given; with port 0 the
// system chooses one, and the first line of output tells which.
//
//     tcp_echo & tcp_client 127.0.0.1:9000 'Hello!'
//
// It is written to be copied, so it does what a server on a real network has to: it bears short writes, clients that
// send and never read, clients that go away in any manner, and more clients than it may have descriptors; and it ends
// in good order on SIGINT and SIGTERM. What it leaves out is a time limit for clients that do nothing at all.

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <expected>
#include <iostream>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

import mio;

namespace net = mio::net;
using namespace std::chrono_literals;

namespace {

// A connection's token is its place in a table. These two can never be such a place.
constexpr mio::Token listener_token{SIZE_MAX};
constexpr mio::Token stop_token{SIZE_MAX - 1};

constexpr auto both_ways = mio::Interest::readable | mio::Interest::writable;

/// One client, and what was read from it and is not written back yet.
class Connection {
  public:
    explicit Connection(net::TcpStream accepted) noexcept : stream(std::move(accepted)) {}

    enum class Next { wait, go_on, close };

    /// Echoes until there is no more to do for now, whatever the event was: with edge trigger an operation has to be
    /// repeated until it would block, or its next event may never come. Trying also makes spurious events harmless.
    Next echo() {
        for (int turn = 0; turn < turns_at_once; ++turn) {
            while (!unsent_.empty()) {
                const auto written = stream.write(unsent_);
                if (written) {
                    unsent_ = unsent_.subspan(*written); // the kernel may take a part only
                } else if (mio::would_block(written.error())) {
                    // The client does not read. Until it does we do not either, so that the kernel's buffers fill up
                    // and hold it back: that is all there is to back-pressure. A readable event that comes meanwhile
                    // is not lost, since the writable event that we wait for leads to the read below.
                    return Next::wait;
                } else if (!mio::interrupted(written.error())) {
                    return Next::close; // reset, or gone
                }
            }

            const auto read = stream.read(buffer_);
            if (read) {
                // The end: the client has shut down its side, and everything before that has been echoed.
                if (*read == 0) return Next::close;
                unsent_ = std::span(buffer_).first(*read);
            } else if (mio::would_block(read.error())) {
                return Next::wait;
            } else if (!mio::interrupted(read.error())) {
                return Next::close;
            }
        }
        return Next::go_on;
    }

    net::TcpStream stream;

  private:
    // A client that sends faster than we echo would otherwise have the server for itself: 256 KiB, then the next one.
    static constexpr int turns_at_once = 16;

    std::array<std::byte, 16 * 1024> buffer_;
    std::span<const std::byte> unsent_; // a part of buffer_
};

class Server {
  public:
    Server(mio::Poll& poll, const net::TcpListener& listener) noexcept : poll_(poll), listener_(listener) {}

    /// Serves until the stop token is seen.
    mio::Result<> run() {
        mio::Events events(256);
        while (true) {
            // Without a timeout a poll waits for ever, which is right unless something is to be tried again.
            const auto timeout = starved_ ? std::optional<std::chrono::nanoseconds>(100ms) : std::nullopt;
            if (const auto polled = poll_.poll(events, timeout); !polled) {
                if (mio::interrupted(polled.error())) continue; // a signal handler ran: see on_signal
                return polled;
            }

            bool clients_wait = starved_;
            for (const auto& event : events) {
                if (event.token() == stop_token) return {};
                if (event.token() == listener_token) {
                    clients_wait = true;
                } else {
                    serve(event.token());
                }
            }

            // Only now, after the whole batch: the place of a connection that was closed above is given to a new one
            // here, when no event is left that was meant for the old one. And its descriptor is free by now.
            if (clients_wait) accept_all();
        }
    }

  private:
    void serve(mio::Token token) {
        // An event for a connection that an earlier event of this batch has closed.
        if (token.value >= connections_.size() || !connections_[token.value]) return;

        auto& connection = *connections_[token.value];
        auto next = connection.echo();
        if (next == Connection::Next::go_on) {
            // It was not done, so the kernel owes us no event. Modifying a registration makes it report again what
            // holds at that moment, after the events of all others.
            if (poll_.registry().modify(connection.stream, token, both_ways)) return;
            next = Connection::Next::close;
        }
        if (next == Connection::Next::close) {
            connections_[token.value].reset(); // closes the stream, which ends its registration
            free_.push_back(token.value);
        }
    }

    // One event may stand for many clients, so this repeats until the call would block.
    void accept_all() {
        while (true) {
            auto accepted = listener_.accept();
            if (accepted) {
                open(std::move(accepted->first));
                continue;
            }
            const auto error = accepted.error();
            if (mio::would_block(error)) break;
            // A client that left before its turn says nothing about the next one.
            if (mio::interrupted(error) || error == std::errc::connection_aborted) continue;

            // Most likely we are out of descriptors (too_many_files_open). The clients stay in the kernel's queue, and
            // as they are there already no edge will announce them; a level-triggered listener would be announced
            // without pause, and we would spin. So we remember it, and try again at every poll from now on: that is
            // when a connection was closed, or after the timeout, for the descriptors of others may be to blame.
            if (!starved_) std::cerr << "tcp_echo: cannot accept for now: " << error.message() << '\n';
            starved_ = true;
            return;
        }
        starved_ = false;
    }

    void open(net::TcpStream stream) {
        if (free_.empty()) {
            free_.push_back(connections_.size());
            connections_.emplace_back();
        }
        const std::size_t place = free_.back();
        auto connection = std::make_unique<Connection>(std::move(stream));
        // An answer shall not wait until more comes to go with it. If that cannot be had it is only slower.
        [[maybe_unused]] const auto hurried = connection->stream.set_nodelay(true);
        // What has arrived before is reported as well, so there is no need to try it here.
        if (!poll_.registry().add(connection->stream, mio::Token{place}, both_ways)) return; // closes it
        free_.pop_back();
        connections_[place] = std::move(connection);
    }

    mio::Poll& poll_;
    const net::TcpListener& listener_;
    std::vector<std::unique_ptr<Connection>> connections_;
    std::vector<std::size_t> free_; // the empty places in connections_
    bool starved_ = false;          // clients are waiting that could not be accepted
};

// A flag would not do for ending the loop: a signal that comes between looking at it and polling would be slept over.
// A wake is never lost. Making one is a few atomic operations and a write(2), which a signal handler may do.
const mio::Waker* stop_waker = nullptr;

extern "C" void on_signal(int) {
    const int before = errno; // belongs to the code that was interrupted
    [[maybe_unused]] const auto woken = stop_waker->wake();
    errno = before;
}

int fail(std::string_view what, const std::error_code& error) {
    std::cerr << "tcp_echo: " << what << ": " << error.message() << '\n';
    return EXIT_FAILURE;
}

} // namespace

int main(int argc, char** argv) {
    const std::string_view name = argc > 1 ? argv[1] : "127.0.0.1:9000";
    const auto address = net::SocketAddress::parse(name);
    if (argc > 2 || !address) {
        std::cerr
            << "usage: tcp_echo [ADDRESS]   (an address with a port, like 127.0.0.1:9000 or [::1]:9000)\n";
        return 2;
    }

    // The poll comes first, and so is destroyed last: it has to outlive its sources.
    auto poll = mio::Poll::create();
    if (!poll) return fail("cannot make a poll", poll.error());
    auto listener = net::TcpListener::bind(*address);
    if (!listener) return fail(name, listener.error());
    auto added = poll->registry().add(*listener, listener_token, mio::Interest::readable);
    if (!added) return fail("cannot watch the listener", added.error());
    const auto stop = mio::Waker::create(poll->registry(), stop_token);
    if (!stop) return fail("cannot make a waker", stop.error());

    stop_waker = &*stop;
    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);

    const auto local = listener->local_address();
    if (!local) return fail(name, local.error());
    std::cout << "listening on " << local->to_string() << std::endl; // flushed: somebody may wait for it

    const auto served = Server(*poll, *listener).run();

    // The waker is about to go.
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    if (!served) return fail("cannot poll", served.error());
    return EXIT_SUCCESS;
}
