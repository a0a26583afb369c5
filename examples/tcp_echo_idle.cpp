// tcp_echo_idle [ADDRESS]: an echo server for very many clients that are mostly idle. All connections share one
// buffer; only a client that does not read its reply has memory of its own. A connection costs about 100 bytes of
// the program's memory, besides what the kernel needs for it. ADDRESS is 127.0.0.1:9000 by default; with port 0 the
// system chooses a port, and the first line of output contains it.
//
// Events are level-triggered: a condition is reported as long as it holds, so one operation per event suffices, and
// no client can occupy the server. Exits on SIGINT and SIGTERM.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

import mio;

namespace net = mio::net;

namespace {

// A connection's token is its place in a table. These two are never used as places.
constexpr mio::Token listener_token{SIZE_MAX};
constexpr mio::Token stop_token{SIZE_MAX - 1};

struct Connection {
    net::TcpStream stream;
    std::vector<std::byte> unsent{}; // empty, unless the client does not read
};

class Server {
  public:
    Server(mio::Poll& poll, net::TcpListener& listener, mio::Signals& stop) noexcept
        : poll_(poll), listener_(listener), stop_(stop) {}

    /// Serves until a signal arrives.
    mio::Result<> run() {
        if (const auto added = listen(); !added) return added;
        mio::Events events(1024);
        while (true) {
            if (const auto polled = poll_.poll(events); !polled && !mio::interrupted(polled.error()))
                return polled;
            bool clients_wait = false;
            for (const auto& event : events) {
                if (event.token() == stop_token) {
                    if (stop_.receive()) return {}; // otherwise the event was spurious
                } else if (event.token() == listener_token) {
                    clients_wait = true;
                } else if (auto& connection = connections_[event.token().value]; connection) {
                    if (!serve(*connection, event.token())) close(event.token());
                }
            }
            // After the batch, so that no event for a closed connection is left when its place is used again.
            if (clients_wait) accept_all();
        }
    }

  private:
    mio::Result<> listen() {
        return poll_.registry().add(listener_, listener_token, mio::Interest::readable, mio::Trigger::level);
    }

    /// Returns false if the connection has ended.
    bool serve(Connection& connection, mio::Token token) {
        if (!connection.unsent.empty()) return send_rest(connection, token);
        const auto read = connection.stream.read(buffer_);
        if (!read) return mio::would_block(read.error()) || mio::interrupted(read.error());
        if (*read == 0) return false;

        const auto data = std::span(buffer_).first(*read);
        const auto written = connection.stream.write(data);
        if (!written && !mio::would_block(written.error()) && !mio::interrupted(written.error()))
            return false;
        const auto rest = data.subspan(written.value_or(0));
        if (rest.empty()) return true;
        // The client does not read. Do not read from it until the rest is sent.
        connection.unsent.assign(rest.begin(), rest.end());
        return watch(connection, token, mio::Interest::writable);
    }

    bool send_rest(Connection& connection, mio::Token token) {
        auto& unsent = connection.unsent;
        const auto written = connection.stream.write(unsent);
        if (!written) return mio::would_block(written.error()) || mio::interrupted(written.error());
        unsent.erase(unsent.begin(), unsent.begin() + static_cast<std::ptrdiff_t>(*written));
        if (!unsent.empty()) return true;
        unsent = {}; // frees the memory
        return watch(connection, token, mio::Interest::readable);
    }

    bool watch(Connection& connection, mio::Token token, mio::Interest interest) {
        return poll_.registry().modify(connection.stream, token, interest, mio::Trigger::level).has_value();
    }

    void close(mio::Token token) {
        connections_[token.value].reset(); // closes the stream, which ends its registration
        free_.push_back(token.value);
        if (paused_) paused_ = !listen();
    }

    void accept_all() {
        while (true) {
            auto accepted = listener_.accept();
            if (accepted) {
                open(std::move(accepted->first));
                continue;
            }
            const auto error = accepted.error();
            if (mio::would_block(error)) break;
            if (mio::interrupted(error) || error == std::errc::connection_aborted) continue;
            // Out of descriptors. The listener would be reported at every poll: do not watch it until a
            // connection is closed.
            if (!reported_) std::cerr << "tcp_echo_idle: cannot accept for now: " << error.message() << '\n';
            reported_ = true;
            paused_ = poll_.registry().remove(listener_).has_value();
            return;
        }
        reported_ = false;
    }

    void open(net::TcpStream stream) {
        if (free_.empty()) {
            free_.push_back(connections_.size());
            connections_.emplace_back();
        }
        const std::size_t place = free_.back();
        auto& connection = connections_[place].emplace(Connection{.stream = std::move(stream)});
        const auto added = poll_.registry().add(connection.stream, mio::Token{place}, mio::Interest::readable,
                                                mio::Trigger::level);
        if (added) {
            free_.pop_back();
        } else {
            connections_[place].reset();
        }
    }

    mio::Poll& poll_;
    net::TcpListener& listener_;
    mio::Signals& stop_;
    std::deque<std::optional<Connection>> connections_; // grows without a copy
    std::vector<std::size_t> free_;                     // unused places of connections_
    std::array<std::byte, 64 * 1024> buffer_{};
    bool paused_ = false;   // the listener is not watched
    bool reported_ = false; // that clients wait
};

int fail(std::string_view what, const std::error_code& error) {
    std::cerr << "tcp_echo_idle: " << what << ": " << error.message() << '\n';
    return EXIT_FAILURE;
}

} // namespace

int main(int argc, char** argv) {
    const std::string_view name = argc > 1 ? argv[1] : "127.0.0.1:9000";
    const auto address = net::SocketAddress::parse(name);
    if (argc > 2 || !address) {
        std::cerr << "usage: tcp_echo_idle [ADDRESS]   (an address with a port, like 127.0.0.1:9000)\n";
        return 2;
    }

    auto poll = mio::Poll::create();
    if (!poll) return fail("cannot make a poll", poll.error());
    auto listener = net::TcpListener::bind(*address, 4096); // many clients may connect at once
    if (!listener) return fail(name, listener.error());
    auto stop = mio::Signals::create({mio::Signal::interrupt, mio::Signal::terminate});
    if (!stop) return fail("cannot watch for signals", stop.error());
    const auto stops = poll->registry().add(*stop, stop_token, mio::Interest::readable);
    if (!stops) return fail("cannot watch for signals", stops.error());

    const auto local = listener->local_address();
    if (!local) return fail(name, local.error());
    std::cout << "listening on " << local->to_string() << std::endl; // flushed: a program may wait for it

    const auto served = Server(*poll, *listener, *stop).run();
    return served ? EXIT_SUCCESS : fail("cannot poll", served.error());
}
