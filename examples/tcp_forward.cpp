// tcp_forward LISTEN UPSTREAM [CONNECT IDLE TOTAL]: forwards each client to UPSTREAM, within three limits, in
// seconds: to connect (2), without data in either direction (60), and in all (3600).
//
//     tcp_forward 127.0.0.1:9001 127.0.0.1:9000 2 30 600
//
// It shows timers in a loop on Poll: `TimerQueue::next` is the deadline of the poll, and the timers that are due
// are popped after it. A session contains its timers, so that closing it disarms them.

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
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
import mio.time;

namespace net = mio::net;
using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;
using mio::time::after;

namespace {

struct Limits {
    Seconds connect = 2s, idle = 60s, total = 1h;
};

// The token of a session's client is twice the session's index, that of its upstream one more.
constexpr mio::Token listener_token{SIZE_MAX}, stop_token{SIZE_MAX - 1};
constexpr auto both_ways = mio::Interest::readable | mio::Interest::writable;

// One direction: what was read and not yet written.
struct Direction {
    std::array<std::byte, 16 * 1024> buffer;
    std::span<std::byte> rest;
    bool ended = false;

    enum class Result { blocked, has_more, failed };
    Result move(net::TcpStream& from, net::TcpStream& to, bool& moved) {
        for (int turns = 0; turns < 64; ++turns) { // limits the work per event
            if (ended) return Result::blocked;
            const auto count = rest.empty() ? from.read(buffer) : to.write(rest);
            if (!count) return mio::would_block(count.error()) ? Result::blocked : Result::failed;
            moved = true;
            if (!rest.empty()) {
                rest = rest.subspan(*count);
            } else if (*count != 0) {
                rest = std::span(buffer).first(*count);
            } else {
                ended = true;
                if (!to.shutdown(net::Shutdown::write)) return Result::failed;
            }
        }
        return Result::has_more;
    }
};

struct Session;
struct Limit : mio::time::Timer {
    explicit Limit(Session& limited) : session(limited) {}
    Session& session;
};

struct Session {
    net::TcpStream client, upstream;
    std::size_t index;
    Direction there{}, back{};
    bool is_connected = false;
    Limit quiet{*this}; // to connect, then idle
    Limit total{*this};
};

class Forwarder {
  public:
    Forwarder(mio::Poll& poll, net::TcpListener& listener, const net::SocketAddress& upstream, Limits limits)
        : poll_(poll), listener_(listener), upstream_(upstream), limits_(limits) {}

    mio::Result<> run() {
        mio::Events events(256);
        for (;;) {
            const auto next = timers_.next();
            const auto polled = next ? poll_.poll_until(events, *next) : poll_.poll(events);
            if (!polled && !mio::interrupted(polled.error())) return polled;
            for (const auto& event : events) {
                if (event.token() == stop_token) return {};
                if (event.token() == listener_token)
                    accept_all();
                else if (auto& session = sessions_[event.token().value / 2]) // not closed by an earlier event
                    serve(*session);
            }
            const auto now = mio::time::Clock::now();
            while (auto* const timer = timers_.pop(now)) {
                if (timer == &retry_)
                    accept_all();
                else
                    close(static_cast<Limit*>(timer)->session);
            }
        }
    }

  private:
    void accept_all() {
        for (;;) {
            auto accepted = listener_.accept();
            if (accepted) {
                open(std::move(accepted->first));
                continue;
            }
            if (mio::would_block(accepted.error())) return;
            if (accepted.error() == std::errc::connection_aborted || mio::interrupted(accepted.error()))
                continue;
            // Out of descriptors, most likely. The clients stay in the kernel's queue, and no event announces them.
            [[maybe_unused]] const auto armed = timers_.insert(retry_, after(100ms));
            return;
        }
    }

    // Without memory or descriptors for it, the client is closed.
    void open(net::TcpStream client) {
        auto upstream = net::TcpStream::connect(upstream_);
        if (!upstream) return;
        if (free_.empty()) {
            free_.push_back(sessions_.size());
            sessions_.emplace_back();
        }
        const auto index = free_.back();
        free_.pop_back();
        auto& session = sessions_[index] =
            std::make_unique<Session>(std::move(client), std::move(*upstream), index);
        if (!poll_.registry().add(session->client, {2 * index}, both_ways)
            || !poll_.registry().add(session->upstream, {2 * index + 1}, both_ways)
            || !timers_.insert(session->quiet, after(limits_.connect))
            || !timers_.insert(session->total, after(limits_.total)))
            close(*session);
    }

    void serve(Session& session) {
        if (!session.is_connected) {
            const auto connected = session.upstream.finish_connect();
            if (!connected) return close(session);
            if (!*connected) return;
            session.is_connected = true;
            timers_.postpone(session.quiet, after(limits_.idle)); // the limit to connect has been met
        }
        bool moved = false;
        const auto there = session.there.move(session.client, session.upstream, moved);
        const auto back = session.back.move(session.upstream, session.client, moved);
        using enum Direction::Result;
        if (there == failed || back == failed || (session.there.ended && session.back.ended))
            return close(session);
        if (moved) timers_.postpone(session.quiet, after(limits_.idle));
        // Modifying a registration reports again a condition that holds.
        if ((there == has_more || back == has_more)
            && !poll_.registry().modify(session.client, {2 * session.index}, both_ways))
            close(session);
    }

    // Destroying the session disarms its timers and ends its registrations.
    void close(Session& session) {
        free_.push_back(session.index);
        sessions_[session.index].reset();
    }

    mio::Poll& poll_;
    net::TcpListener& listener_;
    net::SocketAddress upstream_;
    Limits limits_;
    mio::time::TimerQueue timers_{1'024}; // grows
    mio::time::Timer retry_;
    std::vector<std::unique_ptr<Session>> sessions_;
    std::vector<std::size_t> free_; // unused indexes of sessions_
};

const mio::Waker* stop_waker = nullptr;

extern "C" void on_signal(int) {
    const int before = errno; // used by the interrupted code
    [[maybe_unused]] const auto woken = stop_waker->wake();
    errno = before;
}

int fail(std::string_view what, const std::error_code& error) {
    std::cerr << "tcp_forward: " << what << ": " << error.message() << '\n';
    return EXIT_FAILURE;
}

} // namespace

int main(int argc, char** argv) {
    const auto local = net::SocketAddress::parse(argc > 1 ? argv[1] : "");
    const auto upstream = net::SocketAddress::parse(argc > 2 ? argv[2] : "");
    if (!local || !upstream || (argc != 3 && argc != 6)) {
        std::cerr << "usage: tcp_forward LISTEN UPSTREAM [CONNECT IDLE TOTAL]   (limits in seconds)\n";
        return 2;
    }
    Limits limits;
    if (argc == 6) {
        limits = {Seconds(std::strtod(argv[3], nullptr)), Seconds(std::strtod(argv[4], nullptr)),
                  Seconds(std::strtod(argv[5], nullptr))};
    }

    auto poll = mio::Poll::create();
    if (!poll) return fail("cannot make a poll", poll.error());
    auto listener = net::TcpListener::bind(*local);
    if (!listener) return fail(argv[1], listener.error());
    const auto added = poll->registry().add(*listener, listener_token, mio::Interest::readable);
    if (!added) return fail("cannot watch the listener", added.error());
    const auto stop = mio::Waker::create(poll->registry(), stop_token);
    if (!stop) return fail("cannot make a waker", stop.error());
    stop_waker = &*stop;
    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);

    const auto address = listener->local_address();
    if (!address) return fail(argv[1], address.error());
    std::cout << "listening on " << address->to_string()
              << std::endl; // flushed: another program may wait for it

    const auto run = Forwarder(*poll, *listener, *upstream, limits).run();
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    if (!run) return fail("cannot poll", run.error());
    return EXIT_SUCCESS;
}
