// tcp_echo [ADDRESS]: sends every client its own data back. ADDRESS is 127.0.0.1:9000 by default; with port 0
// the system chooses a port, and the first line of output contains it.
//
//     tcp_echo & tcp_client 127.0.0.1:9000 'Hello!'
//
// It is meant to be copied and handles the conditions of a real network: short writes, clients that send but
// never read, clients that disconnect in any way, and more clients than descriptors. It exits cleanly on
// SIGINT and SIGTERM. It has no time limit for idle clients.

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

// A connection's token is its index in a table. These two are never used as indexes.
constexpr mio::Token listener_token{SIZE_MAX};
constexpr mio::Token stop_token{SIZE_MAX - 1};

constexpr auto read_write = mio::Interest::readable | mio::Interest::writable;

/// A client, and the data that was read from it and not yet written back.
class Connection {
  public:
    explicit Connection(net::TcpStream accepted) noexcept : stream(std::move(accepted)) {}

    enum class Next { wait, go_on, close };

    /// Echoes until an operation would block, whatever the event was. With edge trigger an operation must be
    /// repeated until it would block; otherwise no further event is guaranteed. Trying the operation also
    /// makes spurious events harmless.
    Next echo() {
        for (int round = 0; round < max_rounds; ++round) {
            while (!unsent_.empty()) {
                const auto written = stream.write(unsent_);
                if (written) {
                    unsent_ = unsent_.subspan(*written); // possibly a partial write
                } else if (mio::would_block(written.error())) {
                    // The client does not read. Stop reading until it does: the kernel's buffers then fill up
                    // and stop the client. This is back-pressure. A readable event in the meantime is not
                    // lost, because the next writable event leads to the read below.
                    return Next::wait;
                } else if (!mio::interrupted(written.error())) {
                    return Next::close; // reset or closed
                }
            }

            const auto read = stream.read(buffer_);
            if (read) {
                // End of stream: the client has shut down writing, and all its data has been echoed.
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
    // Limits the work per event to 256 KiB, so that a fast client does not occupy the server.
    static constexpr int max_rounds = 16;

    std::array<std::byte, 16 * 1024> buffer_;
    std::span<const std::byte> unsent_; // a part of buffer_
};

class Server {
  public:
    Server(mio::Poll& poll, const net::TcpListener& listener) noexcept : poll_(poll), listener_(listener) {}

    /// Serves until an event with the stop token.
    mio::Result<> run() {
        mio::Events events(256);
        while (true) {
            // No timeout, unless accepting must be retried.
            const auto timeout = starved_ ? std::optional<std::chrono::nanoseconds>(100ms) : std::nullopt;
            if (const auto polled = poll_.poll(events, timeout); !polled) {
                if (mio::interrupted(polled.error())) continue; // a signal handler ran; see on_signal
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

            // Accept after the whole batch: only then may a new connection reuse the index of a closed one,
            // because no event for the old one is left. The descriptors of closed connections are also free.
            if (clients_wait) accept_all();
        }
    }

  private:
    void serve(mio::Token token) {
        // The connection was closed by an earlier event of this batch.
        if (token.value >= connections_.size() || !connections_[token.value]) return;

        auto& connection = *connections_[token.value];
        auto next = connection.echo();
        if (next == Connection::Next::go_on) {
            // The connection did not reach would-block, so no further event is guaranteed. Modifying the
            // registration makes the kernel report a condition that holds, after the events of the other
            // sources.
            if (poll_.registry().modify(connection.stream, token, read_write)) return;
            next = Connection::Next::close;
        }
        if (next == Connection::Next::close) {
            connections_[token.value].reset(); // closes the stream, which ends its registration
            free_.push_back(token.value);
        }
    }

    // One event may announce several clients: repeat until the call would block.
    void accept_all() {
        while (true) {
            auto accepted = listener_.accept();
            if (accepted) {
                open(std::move(accepted->first));
                continue;
            }
            const auto error = accepted.error();
            if (mio::would_block(error)) break;
            // A client that disconnected early does not affect the next one.
            if (mio::interrupted(error) || error == std::errc::connection_aborted) continue;

            // Usually the process or the system is out of descriptors (too_many_files_open). The clients stay
            // in the kernel's queue. No further edge announces them, and a level-triggered listener would be
            // reported at every poll, so the loop would spin. Therefore retry after every poll from now on:
            // after other events, which may have closed a connection, or after the timeout, because other
            // processes may have freed descriptors.
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
        const std::size_t index = free_.back();
        auto connection = std::make_unique<Connection>(std::move(stream));
        // Send small replies at once. On failure the connection is only slower.
        [[maybe_unused]] const auto ignored = connection->stream.set_nodelay(true);
        // Data that has already arrived is reported as well, so there is no need to read here.
        if (!poll_.registry().add(connection->stream, mio::Token{index}, read_write))
            return; // closes the stream
        free_.pop_back();
        connections_[index] = std::move(connection);
    }

    mio::Poll& poll_;
    const net::TcpListener& listener_;
    std::vector<std::unique_ptr<Connection>> connections_;
    std::vector<std::size_t> free_; // unused indexes of connections_
    bool starved_ = false;          // there are pending clients that could not be accepted
};

// A flag is not sufficient to end the loop: a signal between the check of the flag and the poll would not end
// the poll. A wake-up is never lost. It consists of a few atomic operations and a write(2), which are allowed
// in a signal handler.
const mio::Waker* stop_waker = nullptr;

extern "C" void on_signal(int) {
    const int before = errno; // used by the interrupted code
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

    // The poll is created first and destroyed last, after its sources.
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
    std::cout << "listening on " << local->to_string()
              << std::endl; // flushed: another program may wait for it

    const auto served = Server(*poll, *listener).run();

    // The waker is about to be destroyed.
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    if (!served) return fail("cannot poll", served.error());
    return EXIT_SUCCESS;
}
