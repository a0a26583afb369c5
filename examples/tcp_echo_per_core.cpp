// tcp_echo_per_core [ADDRESS [THREADS]]: sends every client its own data back, with one event loop per processor.
// ADDRESS is 127.0.0.1:9000 and THREADS the number of processors by default. SIGINT and SIGTERM end it, and it prints
// how many clients each thread has served.
//
// The main thread accepts and hands the clients to the loops in turn, so that each gets the same number. A connection
// belongs to one loop and one thread, and needs no lock. docs/performance.md compares this with listeners that the
// loops share. The loops are as in tcp_echo_level.cpp.

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <expected>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

import mio;

namespace net = mio::net;
using namespace std::chrono_literals;

namespace {

constexpr mio::Token mail{SIZE_MAX};
constexpr auto level = mio::Trigger::level;

struct Connection {
    net::TcpStream stream;
    std::array<std::byte, 16 * 1024> buffer;
    std::span<const std::byte> unsent; // a part of buffer

    mio::Interest interest() const {
        return unsent.empty() ? mio::Interest::readable : mio::Interest::writable;
    }

    /// Reads if everything is written back, then writes. Returns false at the end of the stream and on errors.
    bool step() {
        if (unsent.empty()) {
            const auto read = stream.read(buffer);
            if (!read) return mio::would_block(read.error());
            if (*read == 0) return false;
            unsent = std::span(buffer).first(*read);
        }
        const auto written = stream.write(unsent);
        if (!written) return mio::would_block(written.error());
        unsent = unsent.subspan(*written); // possibly a partial write
        return true;
    }
};

/// An event loop, its thread, and the clients that wait for it.
class Loop {
  public:
    /// Starts the thread. The loop must not move afterwards.
    mio::Result<> start() {
        auto poll = mio::Poll::create();
        if (!poll) return std::unexpected(poll.error());
        auto waker = mio::Waker::create(poll->registry(), mail);
        if (!waker) return std::unexpected(waker.error());
        poll_.emplace(std::move(*poll));
        waker_.emplace(std::move(*waker));
        thread_ = std::thread([this] { run(); });
        return {};
    }

    /// Hands a client over. Any thread may call it. Wakes before the loop's next poll coalesce to one event.
    void take(net::TcpStream client) {
        {
            const std::scoped_lock lock(mutex_);
            arrivals_.push_back(std::move(client));
        }
        [[maybe_unused]] const auto woken =
            waker_->wake(); // it fails only if memory is short; the next one succeeds
    }

    /// Ends the thread and returns the number of clients.
    std::size_t stop() {
        is_stopping_ = true;
        [[maybe_unused]] const auto woken = waker_->wake();
        thread_.join();
        return served_;
    }

  private:
    void run() {
        mio::Events events(256);
        while (!is_stopping_) {
            if (const auto polled = poll_->poll(events); !polled && !mio::interrupted(polled.error())) {
                std::cerr << "tcp_echo_per_core: cannot poll: " << polled.error().message() << '\n';
                std::exit(EXIT_FAILURE);
            }
            for (const auto& event : events) {
                if (event.token() == mail) {
                    receive();
                } else {
                    serve(event.token());
                }
            }
        }
        connections_.clear();
    }

    void receive() {
        std::vector<net::TcpStream> arrivals;
        {
            const std::scoped_lock lock(mutex_);
            arrivals.swap(arrivals_);
        }
        for (auto& stream : arrivals) {
            const mio::Token token{served_++}; // not reused
            auto& connection = connections_.try_emplace(token.value, std::move(stream)).first->second;
            if (!poll_->registry().add(connection.stream, token, connection.interest(), level))
                connections_.erase(token.value);
        }
    }

    void serve(mio::Token token) {
        const auto found = connections_.find(token.value);
        if (found == connections_.end()) return; // closed by an earlier event of this batch
        auto& connection = found->second;
        const auto before = connection.interest();
        bool is_open = connection.step();
        if (const auto after = connection.interest(); is_open && after != before)
            is_open = poll_->registry().modify(connection.stream, token, after, level).has_value();
        if (!is_open) connections_.erase(found);
    }

    std::optional<mio::Poll> poll_;
    std::optional<mio::Waker> waker_;
    std::thread thread_;
    std::atomic<bool> is_stopping_ = false;

    std::mutex mutex_;
    std::vector<net::TcpStream> arrivals_; // guarded by mutex_

    // Used by the thread only.
    std::map<std::size_t, Connection> connections_;
    std::size_t served_ = 0;
};

constexpr mio::Token new_clients{0};
constexpr mio::Token stop{1};

/// Accepts until a signal arrives.
mio::Result<> accept_all(mio::Poll& poll, net::TcpListener& listener, mio::Signals& signals,
                         std::span<const std::unique_ptr<Loop>> loops) {
    std::size_t next = 0;
    bool is_starved = false;
    mio::Events events(16);
    while (true) {
        const auto timeout = is_starved ? std::optional<std::chrono::nanoseconds>(100ms) : std::nullopt;
        if (const auto polled = poll.poll(events, timeout); !polled && !mio::interrupted(polled.error()))
            return polled;
        for (const auto& event : events) {
            // Without a signal, the event was spurious.
            if (event.token() == stop && signals.receive()) return {};
        }
        while (true) {
            auto client = listener.accept();
            if (client) {
                loops[next++ % loops.size()]->take(std::move(client->first));
                continue;
            }
            // Anything else than a client that has left again is a lack of descriptors, as in tcp_echo.cpp.
            if (client.error() == std::errc::connection_aborted || mio::interrupted(client.error())) continue;
            is_starved = !mio::would_block(client.error());
            break;
        }
    }
}

int fail(std::string_view what, const std::error_code& error) {
    std::cerr << "tcp_echo_per_core: " << what << ": " << error.message() << '\n';
    return EXIT_FAILURE;
}

} // namespace

int main(int argc, char** argv) {
    const std::string_view name = argc > 1 ? argv[1] : "127.0.0.1:9000";
    const auto address = net::SocketAddress::parse(name);
    const int threads = argc > 2 ? std::atoi(argv[2]) : static_cast<int>(std::thread::hardware_concurrency());
    if (argc > 3 || !address || (argc > 2 && threads < 1)) {
        std::cerr << "usage: tcp_echo_per_core [ADDRESS [THREADS]]\n";
        return 2;
    }

    auto poll = mio::Poll::create();
    if (!poll) return fail("cannot make a poll", poll.error());
    auto listener = net::TcpListener::bind(*address);
    if (!listener) return fail(name, listener.error());
    if (const auto added = poll->registry().add(*listener, new_clients, mio::Interest::readable); !added)
        return fail("cannot watch the listener", added.error());
    // Before the threads start, which inherit that the signals are blocked.
    auto signals = mio::Signals::create({mio::Signal::interrupt, mio::Signal::terminate});
    if (!signals) return fail("cannot watch for signals", signals.error());
    if (const auto added = poll->registry().add(*signals, stop, mio::Interest::readable); !added)
        return fail("cannot watch for signals", added.error());

    std::vector<std::unique_ptr<Loop>> loops;
    std::error_code error;
    for (int i = 0; i < threads || i == 0; ++i) {
        auto loop = std::make_unique<Loop>();
        if (const auto started = loop->start(); !started) {
            error = started.error();
            break;
        }
        loops.push_back(std::move(loop));
    }
    if (!error) {
        std::cout << "listening on " << listener->local_address().value_or(*address) << std::endl;
        if (const auto accepted = accept_all(*poll, *listener, *signals, loops); !accepted)
            error = accepted.error();
    }

    for (std::size_t i = 0; i < loops.size(); ++i)
        std::cout << "loop " << i << " has served " << loops[i]->stop() << " clients\n";
    return error ? fail("cannot go on", error) : EXIT_SUCCESS;
}
