// chat PATH: a chat room on a Unix socket. Each line that a client sends goes to all other clients, with the
// sender's number.
//
//     chat /tmp/room & socat - UNIX-CONNECT:/tmp/room        (or nc -U /tmp/room; any number of clients)
//
// Bytes that could control a terminal are forwarded as escapes, such as \x1b.
//
// Shows many clients that depend on each other. A client that does not read does not stop the others: its
// unsent lines are kept up to a limit. Beyond it, further lines are dropped until the client has caught up,
// and the client is informed of their number. A client that shuts down writing (`echo bye | nc -NU
// /tmp/room`) still receives earlier lines. Also shows the lifetime of the socket's path: a stale path left
// by a crash is replaced, a path in use is not, and the path is removed on SIGINT or SIGTERM.

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <expected>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "printable.hpp"

import mio;

namespace net = mio::net;
using namespace std::chrono_literals;

namespace {

// A client's token is its number. These two are never used as numbers.
constexpr mio::Token listener_token{SIZE_MAX};
constexpr mio::Token stop_token{SIZE_MAX - 1};

constexpr auto read_write = mio::Interest::readable | mio::Interest::writable;

constexpr std::size_t max_line = 1000;          // in bytes; a longer line is split
constexpr std::size_t max_unsent = 1024 * 1024; // per client

class Client {
  public:
    Client(std::size_t number, net::UnixStream accepted)
        : stream(std::move(accepted)), name_(std::to_string(number) + ": ") {}

    /// Sends `lines`, now or when there is room.
    void queue(std::string_view lines) {
        if (has_ended_) return;
        // Once lines have been dropped, the notice about them must precede any other line.
        if (dropped_ > 0 || unsent_.size() + lines.size() > max_unsent) {
            dropped_ += static_cast<std::uint64_t>(std::ranges::count(lines, '\n'));
            return;
        }
        // If earlier data is unsent there is no room; a writable event follows, so do not try.
        const bool waiting = !unsent_.empty();
        unsent_ += lines;
        if (!waiting) send();
    }

    /// Sends unsent data, as far as there is room.
    void send() {
        while (!unsent_.empty()) {
            const auto written = stream.write(std::as_bytes(std::span(unsent_)));
            if (written) {
                unsent_.erase(0, *written); // possibly a partial write
            } else if (mio::would_block(written.error())) {
                return;
            } else if (!mio::interrupted(written.error())) {
                unsent_.clear(); // writing failed; reading reports whether the client is gone
            }
            if (unsent_.empty() && dropped_ > 0)
                unsent_ = "* you have missed " + std::to_string(std::exchange(dropped_, 0)) + " lines\n";
        }
    }

    enum class Next { wait, go_on, leave };

    /// Appends the client's lines to `lines`, as the others will see them. Limits the amount, so that the
    /// others can receive them before there are more.
    Next read_lines(std::string& lines) {
        for (int round = 0; round < max_rounds && !has_ended_; ++round) {
            std::array<char, 4 * 1024> buffer;
            const auto read = stream.read(std::as_writable_bytes(std::span(buffer)));
            if (read) {
                input_.append(buffer.data(), *read);
                has_ended_ = *read == 0;
            } else if (mio::would_block(read.error())) {
                return Next::wait;
            } else if (!mio::interrupted(read.error())) {
                has_ended_ = true; // reset, with data unread
            }
            split_lines(lines);
        }
        if (!has_ended_) return Next::go_on;
        // It may still read earlier lines. If it does not, the next `send` detects it.
        return unsent_.empty() ? Next::leave : Next::wait;
    }

    net::UnixStream stream;

  private:
    void split_lines(std::string& lines) {
        std::string_view remaining = input_;
        while (!remaining.empty()) {
            const auto feed = remaining.find('\n');
            const bool is_whole = feed != std::string_view::npos;
            if (!is_whole && !has_ended_ && remaining.size() <= max_line + 1) break; // incomplete line
            auto line = remaining.substr(0, feed);
            if (is_whole && line.ends_with('\r')) line.remove_suffix(1); // Telnet's line ending
            if (line.size() > max_line) {
                line = line.substr(0, max_line);
                line.remove_suffix(size_of_unfinished(line)); // do not split a character
                remaining.remove_prefix(line.size());
            } else {
                remaining.remove_prefix(is_whole ? feed + 1 : remaining.size());
            }
            lines.append(name_).append(printable(line, "\t")).append("\n");
        }
        input_.erase(0, input_.size() - remaining.size());
    }

    static constexpr int max_rounds = 4;

    std::string name_;
    std::string input_;         // an incomplete line
    std::string unsent_;        // empty unless waiting for room
    std::uint64_t dropped_ = 0; // number of dropped lines
    bool has_ended_ = false;    // no more input
};

class ChatRoom {
  public:
    ChatRoom(mio::Poll& poll, const net::UnixListener& listener) noexcept
        : poll_(poll), listener_(listener) {}

    /// Runs until an event with the stop token.
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
            // After the batch, when the descriptors of clients that have left are free.
            if (clients_wait) accept_all();
        }
    }

  private:
    void serve(mio::Token token) {
        // Numbers are not reused, so an event of a client that has left finds no entry.
        const auto found = clients_.find(token.value);
        if (found == clients_.end()) return;
        auto& client = found->second;

        client.send();
        std::string lines;
        auto next = client.read_lines(lines);
        broadcast(token.value, lines);
        if (next == Client::Next::go_on) {
            // There may be more input, but no further event is guaranteed. Modifying the registration makes
            // the kernel report a condition that holds, after the events of the other sources.
            if (poll_.registry().modify(client.stream, token, read_write)) return;
            next = Client::Next::leave;
        }
        if (next == Client::Next::leave) {
            clients_.erase(found); // closes the stream, which ends its registration
            broadcast(token.value, "* " + std::to_string(token.value) + " has left\n");
        }
    }

    void broadcast(std::size_t number, std::string_view lines) {
        if (lines.empty()) return;
        for (auto& [other, client] : clients_) {
            if (other != number) client.queue(lines);
        }
    }

    // As in tcp_echo, which explains the steps.
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
            if (!starved_) std::cerr << "chat: cannot accept for now: " << error.message() << '\n';
            starved_ = true;
            return;
        }
        starved_ = false;
    }

    void open(net::UnixStream stream) {
        const std::size_t number = ++last_number_;
        auto& client = clients_.try_emplace(number, number, std::move(stream)).first->second;
        if (!poll_.registry().add(client.stream, mio::Token{number}, read_write)) {
            clients_.erase(number); // closes it
            return;
        }
        client.queue("* you are " + std::to_string(number) + "\n");
        broadcast(number, "* " + std::to_string(number) + " has come\n");
    }

    mio::Poll& poll_;
    const net::UnixListener& listener_;
    std::map<std::size_t, Client> clients_; // by number
    std::size_t last_number_ = 0;
    bool starved_ = false; // there are pending clients that could not be accepted
};

/// Removes the path of a listener while the listener is still open, so that no other process can have
/// replaced it.
class PathRemover {
  public:
    explicit PathRemover(std::filesystem::path path) : path_(std::move(path)) {}
    ~PathRemover() {
        std::error_code ignored;
        std::filesystem::remove(path_, ignored);
    }
    PathRemover(const PathRemover&) = delete;
    PathRemover& operator=(const PathRemover&) = delete;

  private:
    std::filesystem::path path_;
};

// As in tcp_echo: a wake-up is never lost, and a signal handler may call `wake`.
const mio::Waker* stop_waker = nullptr;

extern "C" void on_signal(int) {
    const int before = errno; // used by the interrupted code
    [[maybe_unused]] const auto woken = stop_waker->wake();
    errno = before;
}

int fail(std::string_view what, const std::error_code& error) {
    std::cerr << "chat: " << what << ": " << error.message() << '\n';
    return EXIT_FAILURE;
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "usage: chat PATH\n";
        return 2;
    }
    const std::string_view path = argv[1];

    // The poll is created first and destroyed last, after its sources.
    auto poll = mio::Poll::create();
    if (!poll) return fail("cannot make a poll", poll.error());
    const auto stop = mio::Waker::create(poll->registry(), stop_token);
    if (!stop) return fail("cannot make a waker", stop.error());
    stop_waker = &*stop;
    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);

    // After the handlers are installed: from here on, a signal must not end the program before the path is
    // removed.
    auto listener = net::UnixListener::bind_replacing(path);
    if (!listener) return fail(path, listener.error());
    const PathRemover name(path);
    auto added = poll->registry().add(*listener, listener_token, mio::Interest::readable);
    if (!added) return fail("cannot watch the listener", added.error());
    std::cout << "listening on " << path << std::endl; // flushed: another program may wait for it

    const auto ran = ChatRoom(*poll, *listener).run();

    // The waker is about to be destroyed, and a second Ctrl-C must not prevent the removal of the path.
    std::signal(SIGINT, SIG_IGN);
    std::signal(SIGTERM, SIG_IGN);
    if (!ran) return fail("cannot poll", ran.error());
    return EXIT_SUCCESS;
}
