// http_hello [ADDRESS]: an HTTP/1.1 server that answers every request with a greeting. ADDRESS is
// 127.0.0.1:9000 by default; with port 0 the system chooses a port, and the first line of output contains it.
//
//     http_hello & curl -i http://127.0.0.1:9000/        wrk -c 100 http://127.0.0.1:9000/
//
// Adds a protocol to the event loop of tcp_echo, which explains the loop. Connections are persistent.
// Requests may be pipelined and may arrive in pieces of any size; malformed requests get an error response.
// Each connection has two fixed buffers: serving a request does not allocate, and the memory per client is
// bounded. The protocol is in http.hpp. There is no time limit for idle clients.

#include <algorithm>
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

#include "http.hpp"

import mio;

namespace net = mio::net;
using namespace std::chrono_literals;

namespace {

constexpr auto read_write = mio::Interest::readable | mio::Interest::writable;

/// A client: its stream and its protocol state.
class Connection {
  public:
    explicit Connection(net::TcpStream accepted) noexcept : stream(std::move(accepted)) {}

    enum class Next { wait, go_on, close };

    /// Sends responses, produces more from received data, and receives more, until an operation would block.
    /// It does not receive while responses are unsent: this is back-pressure.
    Next serve(std::string_view date) {
        for (int round = 0; round < max_rounds; ++round) {
            while (!session_.output.empty()) {
                const auto written = stream.write(std::as_bytes(std::span(session_.output.text())));
                if (written) {
                    session_.output.consume(*written);
                } else if (mio::would_block(written.error())) {
                    return Next::wait;
                } else if (!mio::interrupted(written.error())) {
                    return Next::close;
                }
            }

            session_.process(date);
            if (!session_.output.empty()) continue;

            if (session_.is_finished()) {
                // Closing with unread data would reset the connection, and the client could lose the last
                // response. Therefore shut down writing, and read until the client closes its side.
                if (!shut_down_ && !stream.shutdown(net::Shutdown::write)) return Next::close;
                shut_down_ = true;
                session_.input.clear();
                if (excess_ > max_excess) return Next::close; // limit reached
            }

            const auto read = stream.read(std::as_writable_bytes(session_.input.free_space()));
            if (read) {
                if (*read == 0) return Next::close;
                session_.input.filled(*read);
                if (shut_down_) excess_ += *read;
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
    static constexpr int max_rounds = 32;
    static constexpr std::size_t max_excess = 1024 * 1024;

    http::Session session_;
    bool shut_down_ = false;
    std::size_t excess_ = 0;
};

// The event loop is the one of tcp_echo, which explains it.

constexpr mio::Token listener_token{SIZE_MAX};
constexpr mio::Token stop_token{SIZE_MAX - 1};

class Server {
  public:
    Server(mio::Poll& poll, const net::TcpListener& listener) noexcept : poll_(poll), listener_(listener) {}

    mio::Result<> run() {
        mio::Events events(256);
        while (true) {
            const auto timeout = starved_ ? std::optional<std::chrono::nanoseconds>(100ms) : std::nullopt;
            if (const auto polled = poll_.poll(events, timeout); !polled) {
                if (mio::interrupted(polled.error())) continue;
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
            if (clients_wait) accept_all();
        }
    }

  private:
    void serve(mio::Token token) {
        if (token.value >= connections_.size() || !connections_[token.value]) return;

        auto& connection = *connections_[token.value];
        auto next = connection.serve(date_.now());
        if (next == Connection::Next::go_on) {
            if (poll_.registry().modify(connection.stream, token, read_write)) return;
            next = Connection::Next::close;
        }
        if (next == Connection::Next::close) {
            connections_[token.value].reset();
            free_.push_back(token.value);
        }
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
            if (!starved_) std::cerr << "http_hello: cannot accept for now: " << error.message() << '\n';
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
        [[maybe_unused]] const auto set = connection->stream.set_nodelay(true);
        if (!poll_.registry().add(connection->stream, mio::Token{index}, read_write)) return;
        free_.pop_back();
        connections_[index] = std::move(connection);
    }

    mio::Poll& poll_;
    const net::TcpListener& listener_;
    std::vector<std::unique_ptr<Connection>> connections_;
    std::vector<std::size_t> free_;
    bool starved_ = false;
    http::Date date_;
};

const mio::Waker* stop_waker = nullptr;

extern "C" void on_signal(int) {
    const int before = errno;
    [[maybe_unused]] const auto woken = stop_waker->wake();
    errno = before;
}

int fail(std::string_view what, const std::error_code& error) {
    std::cerr << "http_hello: " << what << ": " << error.message() << '\n';
    return EXIT_FAILURE;
}

} // namespace

int main(int argc, char** argv) {
    const std::string_view name = argc > 1 ? argv[1] : "127.0.0.1:9000";
    const auto address = net::SocketAddress::parse(name);
    if (argc > 2 || !address) {
        std::cerr
            << "usage: http_hello [ADDRESS]   (an address with a port, like 127.0.0.1:9000 or [::1]:9000)\n";
        return 2;
    }

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
    std::cout << "listening on " << local->to_string() << std::endl;

    const auto served = Server(*poll, *listener).run();

    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    if (!served) return fail("cannot poll", served.error());
    return EXIT_SUCCESS;
}
