// graceful_shutdown [ADDRESS [SECONDS]]: a server that drains before it exits. It sends every line back in capital
// letters. ADDRESS is 127.0.0.1:9000 by default.
//
// The first SIGINT or SIGTERM begins to drain: the listener is closed, so that the system refuses new clients;
// clients without a request under way are ended; the others get their replies first. The server exits when the last
// client has left, after SECONDS (10 by default), or at a second signal. Its exit status is 1 if it has cut off clients.
// On Windows, Ctrl-C begins to drain.

#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <expected>
#include <iostream>
#include <iterator>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

import mio;

namespace net = mio::net;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

namespace {

constexpr mio::Token new_clients{SIZE_MAX};
constexpr mio::Token stop{SIZE_MAX - 1};
constexpr auto level = mio::Trigger::level;

class Client {
  public:
    explicit Client(net::TcpStream accepted) noexcept : stream(std::move(accepted)) {}

    /// One step in each direction. Returns false if the connection is to be closed.
    bool serve() {
        if (unsent_.empty() && !receive()) return false;
        return unsent_.empty() || send();
    }

    /// Ends the connection as soon as no request is under way. Returns false if it is to be closed.
    ///
    /// The connection is not closed at once: if the client is sending, its data would meet a closed socket, and the
    /// system would send a reset, which destroys replies that the client has not read yet. Instead, the server
    /// ends its own direction, and reads until the client closes too.
    bool drain() {
        if (is_ending_ || !request_.empty() || !unsent_.empty()) return true;
        // A request that has arrived is under way too: the next poll reports it.
        std::byte next;
        const auto arrived = stream.peek(std::span(&next, 1));
        if (arrived || !mio::would_block(arrived.error())) return true;
        is_ending_ = true;
        return stream.shutdown(net::Shutdown::write).has_value();
    }

    mio::Interest interest() const {
        return unsent_.empty() ? mio::Interest::readable : mio::Interest::writable;
    }

    net::TcpStream stream;

  private:
    static constexpr std::size_t longest_request = 64 * 1024;

    static bool may_retry(const std::error_code& error) {
        return mio::would_block(error) || mio::interrupted(error);
    }

    bool receive() {
        std::array<char, 16 * 1024> buffer;
        const auto read = stream.read(std::as_writable_bytes(std::span(buffer)));
        if (!read) return may_retry(read.error());
        if (*read == 0) return false;
        if (is_ending_) return true; // requests that arrive now are ignored
        request_.append(buffer.data(), *read);
        const auto end = request_.rfind('\n');
        if (end == std::string::npos) return request_.size() <= longest_request;
        unsent_.assign(request_, 0, end + 1);
        request_.erase(0, end + 1);
        for (char& c : unsent_) {
            if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
        }
        return true;
    }

    bool send() {
        const auto written = stream.write(std::as_bytes(std::span(unsent_)));
        if (!written) return may_retry(written.error());
        unsent_.erase(0, *written);
        return true;
    }

    std::string request_; // the part of it that has arrived
    std::string unsent_;  // of the reply
    bool is_ending_ = false;
};

class Server {
  public:
    Server(mio::Poll& poll, net::TcpListener listener, mio::Signals& signals, std::chrono::seconds patience)
        : poll_(poll), listener_(std::move(listener)), signals_(signals), patience_(patience) {}

    /// Returns the number of clients that were cut off.
    mio::Result<std::size_t> run() {
        if (const auto added = listen(); !added) return std::unexpected(added.error());
        mio::Events events(256);
        while (!deadline_ || (!clients_.empty() && Clock::now() < *deadline_)) {
            const auto polled = deadline_
                                    ? poll_.poll_until(events, *deadline_)
                                    : poll_.poll(events, is_paused_ ? std::optional(100ms) : std::nullopt);
            if (!polled && !mio::interrupted(polled.error())) return std::unexpected(polled.error());
            if (std::exchange(is_paused_, false)) {
                if (const auto added = listen(); !added) return std::unexpected(added.error());
            }
            bool is_stopped = false;
            for (const auto& event : events) {
                if (event.token() == new_clients) {
                    accept();
                } else if (event.token() == stop) {
                    while (signals_.receive()) is_stopped = true;
                } else {
                    serve(event.token());
                }
            }
            if (!is_stopped) continue;
            if (deadline_) break;
            drain();
        }
        return clients_.size();
    }

  private:
    mio::Result<> listen() {
        return poll_.registry().add(*listener_, new_clients, mio::Interest::readable, level);
    }

    /// Returns false if there is no further client, or none can be accepted now.
    bool accept() {
        auto accepted = listener_->accept();
        if (!accepted) {
            if (mio::interrupted(accepted.error())) return true;
            // Out of descriptors: pause, since the listener would be reported at every poll.
            if (!mio::would_block(accepted.error()) && !deadline_)
                is_paused_ = poll_.registry().remove(*listener_).has_value();
            return false;
        }
        const mio::Token token{next_++}; // not reused
        auto& client = clients_.try_emplace(token.value, std::move(accepted->first)).first->second;
        if (!poll_.registry().add(client.stream, token, client.interest(), level))
            clients_.erase(token.value);
        return true;
    }

    void serve(mio::Token token) {
        const auto found = clients_.find(token.value);
        if (found == clients_.end()) return; // closed by an earlier event of this batch
        auto& client = found->second;
        const auto before = client.interest();
        bool is_open = client.serve();
        if (is_open && deadline_) is_open = client.drain();
        if (const auto after = client.interest(); is_open && after != before)
            is_open = poll_.registry().modify(client.stream, token, after, level).has_value();
        if (!is_open) clients_.erase(found);
    }

    void drain() {
        deadline_ = Clock::now() + patience_;
        is_paused_ = false;
        // Clients in the system's queue are connected already. Closing the listener would reset them.
        while (accept()) {
        }
        listener_.reset();
        for (auto client = clients_.begin(); client != clients_.end();)
            client = client->second.drain() ? std::next(client) : clients_.erase(client);
        std::cout << "draining " << clients_.size() << " connections" << std::endl;
    }

    mio::Poll& poll_;
    std::optional<net::TcpListener> listener_;
    mio::Signals& signals_;
    bool is_paused_ = false; // not watched, because no descriptor was left
    std::chrono::seconds patience_;
    std::optional<Clock::time_point> deadline_; // once it drains
    std::map<std::size_t, Client> clients_;
    std::size_t next_ = 0;
};

int fail(std::string_view what, const std::error_code& error) {
    std::cerr << "graceful_shutdown: " << what << ": " << error.message() << '\n';
    return EXIT_FAILURE;
}

} // namespace

int main(int argc, char** argv) {
    const std::string_view name = argc > 1 ? argv[1] : "127.0.0.1:9000";
    const std::string_view patience = argc > 2 ? argv[2] : "10";
    const auto address = net::SocketAddress::parse(name);
    std::uint16_t seconds = 0;
    const auto number = std::from_chars(patience.data(), patience.data() + patience.size(), seconds);
    if (argc > 3 || !address || number.ec != std::errc() || number.ptr != patience.data() + patience.size()) {
        std::cerr << "usage: graceful_shutdown [ADDRESS [SECONDS]]\n";
        return 2;
    }

    auto poll = mio::Poll::create();
    if (!poll) return fail("cannot make a poll", poll.error());
    auto listener = net::TcpListener::bind(*address);
    if (!listener) return fail(name, listener.error());
    auto signals = mio::Signals::create({mio::Signal::interrupt, mio::Signal::terminate});
    if (!signals) return fail("cannot watch for signals", signals.error());
    if (const auto added = poll->registry().add(*signals, stop, mio::Interest::readable); !added)
        return fail("cannot watch for signals", added.error());

    const auto local = listener->local_address();
    if (!local) return fail(name, local.error());
    std::cout << "listening on " << *local << std::endl; // flushed: another program may wait for it

    const auto cut_off = Server(*poll, std::move(*listener), *signals, std::chrono::seconds(seconds)).run();
    if (!cut_off) return fail("cannot poll", cut_off.error());
    if (*cut_off == 0) return EXIT_SUCCESS;
    std::cerr << "graceful_shutdown: " << *cut_off << " connections were cut off\n";
    return EXIT_FAILURE;
}
