// tcp_proxy LISTEN TARGET: forwards every connection to LISTEN to a new connection to TARGET, both ways. With port
// 0 the system chooses the port of LISTEN, and the first line of output contains it.
//
//     tcp_proxy 127.0.0.1:8080 127.0.0.1:80 & curl http://127.0.0.1:8080/
//
// The two directions of a connection are independent: one side can end its stream and still receive. A side that
// does not read stops the other side from sending, so memory stays bounded. A reset of one side resets the other
// one; it is not turned into an orderly end, which would make cut data look complete. Exits on SIGINT and SIGTERM.

#include <array>
#include <chrono>
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

// The streams of a connection have the tokens 2 × place and 2 × place + 1. These two are never used for them.
constexpr mio::Token listener_token{SIZE_MAX};
constexpr mio::Token stop_token{SIZE_MAX - 1};

constexpr auto both_ways = mio::Interest::readable | mio::Interest::writable;

enum class Progress { waits, has_more, failed };

/// One direction of a connection: the data that was read from one stream and not yet written to the other.
class Direction {
  public:
    /// Forwards until an operation would block, at most 1 MiB.
    Progress forward(const net::TcpStream& from, const net::TcpStream& to) {
        for (int turn = 0; turn < 16; ++turn) {
            if (unsent_.empty() && !ended_) {
                const auto read = from.read(buffer_);
                if (read) {
                    unsent_ = std::span(buffer_).first(*read);
                    ended_ = *read == 0;
                } else if (!mio::interrupted(read.error())) {
                    return mio::would_block(read.error()) ? Progress::waits : Progress::failed;
                }
            }
            while (!unsent_.empty()) {
                const auto written = to.write(unsent_);
                if (written) {
                    unsent_ = unsent_.subspan(*written);
                } else if (!mio::interrupted(written.error())) {
                    // The receiver does not read. Do not read either: the kernel's buffers fill up and stop
                    // the sender.
                    return mio::would_block(written.error()) ? Progress::waits : Progress::failed;
                }
            }
            if (ended_) {
                if (!passed_on_ && !to.shutdown(net::Shutdown::write)) return Progress::failed;
                passed_on_ = true;
                return Progress::waits;
            }
        }
        return Progress::has_more;
    }

    [[nodiscard]] bool is_done() const noexcept { return passed_on_; }

  private:
    std::array<std::byte, 64 * 1024> buffer_;
    std::span<const std::byte> unsent_; // a part of buffer_
    bool ended_ = false;                // read the end of the stream
    bool passed_on_ = false;            // and passed it on, after all data
};

/// A client and its connection to the target: streams 0 and 1. Direction 0 forwards what stream 0 sends.
struct Connection {
    std::array<net::TcpStream, 2> streams;
    std::array<Direction, 2> directions{};
    bool connected = false;

    /// Resets both peers: neither may take the data so far for all of it.
    void reset() const noexcept {
        for (const auto& stream : streams) [[maybe_unused]]
            const auto set = stream.set_linger(0s);
    }
};

class Proxy {
  public:
    Proxy(mio::Poll& poll, const net::TcpListener& listener, const net::SocketAddress& target,
          mio::Signals& stop) noexcept
        : poll_(poll), listener_(listener), target_(target), stop_(stop) {}

    /// Serves until a signal arrives.
    mio::Result<> run() {
        mio::Events events(256);
        while (true) {
            // No timeout, unless accepting must be retried.
            const auto timeout = starved_ ? std::optional<std::chrono::nanoseconds>(100ms) : std::nullopt;
            if (const auto polled = poll_.poll(events, timeout); !polled) {
                if (mio::interrupted(polled.error())) continue;
                return polled;
            }
            bool clients_wait = starved_;
            for (const auto& event : events) {
                if (event.token() == stop_token) {
                    if (stop_.receive()) return {}; // otherwise the event was spurious
                } else if (event.token() == listener_token) {
                    clients_wait = true;
                } else {
                    serve(event);
                }
            }
            // After the batch, so that no event for a closed connection is left when its place is used again.
            if (clients_wait) accept_all();
        }
    }

  private:
    void serve(const mio::Event& event) {
        const std::size_t place = event.token().value / 2;
        const std::size_t side = event.token().value % 2;
        if (place >= connections_.size() || !connections_[place]) return; // closed earlier in this batch

        auto& connection = *connections_[place];
        if (!advance(connection, side, event)) {
            connection.reset();
        } else if (!connection.directions[0].is_done() || !connection.directions[1].is_done()) {
            return;
        }
        connections_[place].reset(); // closes the streams, which ends their registrations
        free_.push_back(place);
    }

    /// Returns false if the connection failed.
    bool advance(Connection& connection, std::size_t side, const mio::Event& event) {
        // A side that has ended its stream is no longer read. Only its event reports that it was reset later.
        if (event.is_error() || event.is_write_closed()) {
            const auto error = connection.streams[side].take_error();
            if (!error || *error) return false;
        }
        bool from = event.is_readable();
        bool to = event.is_writable();
        if (!connection.connected) {
            const auto finished = connection.streams[1].finish_connect();
            if (!finished) return false;
            if (!*finished) return true;
            connection.connected = from = to = true; // including what the client sent meanwhile
        }
        return (!from || forward(connection, side)) && (!to || forward(connection, 1 - side));
    }

    bool forward(Connection& connection, std::size_t side) {
        const auto& from = connection.streams[side];
        switch (connection.directions[side].forward(from, connection.streams[1 - side])) {
        case Progress::waits: return true;
        // No operation would block, so no further edge is guaranteed. Ask for what holds, after the others.
        case Progress::has_more: return poll_.registry().renew(connection.streams[side]).has_value();
        case Progress::failed: break;
        }
        return false;
    }

    // One event may announce several clients: repeat until the call would block.
    void accept_all() {
        while (true) {
            const auto accepted = accept();
            if (accepted) continue;
            const auto error = accepted.error();
            if (mio::would_block(error)) break;
            if (mio::interrupted(error) || error == std::errc::connection_aborted) continue;
            // Out of descriptors, usually. No further edge announces the clients that wait: retry after each
            // poll.
            if (!starved_) std::cerr << "tcp_proxy: cannot accept for now: " << error.message() << '\n';
            starved_ = true;
            return;
        }
        starved_ = false;
    }

    mio::Result<> accept() {
        if (!client_) {
            auto accepted = listener_.accept();
            if (!accepted) return std::unexpected(accepted.error());
            client_ = std::move(accepted->first);
        }
        auto target = net::TcpStream::connect(target_);
        if (!target && target.error() == std::errc::too_many_files_open)
            return std::unexpected(target.error()); // the client waits, too

        auto client = std::move(*std::exchange(client_, std::nullopt));
        if (target) {
            open(std::move(client), std::move(*target));
        } else {
            [[maybe_unused]] const auto set = client.set_linger(0s);
        }
        return {};
    }

    void open(net::TcpStream client, net::TcpStream target) {
        // The peers decide how data is divided into packets.
        for (const auto* stream : {&client, &target}) [[maybe_unused]]
            const auto set = stream->set_nodelay(true);

        if (free_.empty()) {
            free_.push_back(connections_.size());
            connections_.emplace_back();
        }
        const std::size_t place = free_.back();
        auto connection =
            std::make_unique<Connection>(Connection{.streams = {std::move(client), std::move(target)}});
        for (std::size_t side = 0; side < 2; ++side) {
            const mio::Token token{2 * place + side};
            if (!poll_.registry().add(connection->streams[side], token, both_ways))
                return connection->reset();
        }
        free_.pop_back();
        connections_[place] = std::move(connection);
    }

    mio::Poll& poll_;
    const net::TcpListener& listener_;
    net::SocketAddress target_;
    mio::Signals& stop_;
    std::vector<std::unique_ptr<Connection>> connections_;
    std::vector<std::size_t> free_;        // unused places of connections_
    std::optional<net::TcpStream> client_; // accepted, but not yet connected to the target
    bool starved_ = false;                 // there are clients that wait for a descriptor
};

int fail(std::string_view what, const std::error_code& error) {
    std::cerr << "tcp_proxy: " << what << ": " << error.message() << '\n';
    return EXIT_FAILURE;
}

} // namespace

int main(int argc, char** argv) {
    const auto address = net::SocketAddress::parse(argc == 3 ? argv[1] : "");
    const auto target = net::SocketAddress::parse(argc == 3 ? argv[2] : "");
    if (!address || !target) {
        std::cerr << "usage: tcp_proxy LISTEN TARGET   (addresses with a port, like 127.0.0.1:8080)\n";
        return 2;
    }

    auto poll = mio::Poll::create();
    if (!poll) return fail("cannot make a poll", poll.error());
    auto listener = net::TcpListener::bind(*address);
    if (!listener) return fail(argv[1], listener.error());
    const auto added = poll->registry().add(*listener, listener_token, mio::Interest::readable);
    if (!added) return fail("cannot watch the listener", added.error());
    auto stop = mio::Signals::create({mio::Signal::interrupt, mio::Signal::terminate});
    if (!stop) return fail("cannot watch for signals", stop.error());
    const auto stops = poll->registry().add(*stop, stop_token, mio::Interest::readable);
    if (!stops) return fail("cannot watch for signals", stops.error());

    const auto local = listener->local_address();
    if (!local) return fail(argv[1], local.error());
    std::cout << "listening on " << local->to_string() << std::endl; // flushed: a program may wait for it

    const auto served = Proxy(*poll, *listener, *target, *stop).run();
    return served ? EXIT_SUCCESS : fail("cannot poll", served.error());
}
