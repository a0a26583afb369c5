// The part that all servers share: a listener, and connections that are served until the clients close them.

#pragma once

#include "contestants/contestant.hpp"
#include "harness/latencies.hpp"
#include "harness/processors.hpp"
#include "harness/stopwatch.hpp"
#include "harness/suite.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace bench {

/// `Connection` is constructed from a stream, and its `serve` returns whether it stays open. With one connection, a
/// latency is the time from one request to the next.
template <Contestant C, template <class> class Connection, class Latencies = NoLatencies> class Server {
  public:
    explicit Server(Latencies latencies = {}) : latencies_(latencies) {}

    /// Serves `operations` requests that come through so many `connections`, of clients that `start(port)` returns: their
    /// `end()` is a source that is readable when they have ended, and `join()` waits for that, and fails if they failed.
    template <class Start> Sample run(std::uint64_t operations, std::size_t connections, const Start& start) {
        loop_.add(listener_, listener_token);
        expected_ = connections;
        auto clients = start(listener_.port());
        loop_.add(clients.end(), end_token);
        const Pinned pinned(processors().front());
        latencies_.begin(connections);
        const Stopwatch stopwatch;
        loop_.run();
        const auto sample = stopwatch.per(operations);
        clients.join();
        return sample;
    }

    void ready(std::size_t token) {
        if (token < end_token && connections_[token]->serve()) [[likely]]
            latencies_.lap();
        else
            begin_or_end(token);
    }
    [[nodiscard]] bool done() const { return closed_ >= expected_; }

  private:
    static constexpr std::size_t listener_token = SIZE_MAX;
    static constexpr std::size_t end_token = SIZE_MAX - 1;

    // Not inline, so that a request saves no registers for it.
    [[gnu::noinline]] void begin_or_end(std::size_t token) {
        if (token < end_token) {
            connections_[token].reset();
            ++closed_;
            return;
        }
        if (token == end_token) {
            closed_ = expected_; // also if it failed before it connected
            return;
        }
        while (auto stream = listener_.accept()) {
            connections_.push_back(std::make_unique<Connection<C>>(std::move(*stream)));
            loop_.add(connections_.back()->stream, connections_.size() - 1);
        }
    }

    [[no_unique_address]] Latencies latencies_;
    typename C::template Loop<Server> loop_{*this};
    typename C::Listener listener_ = C::Listener::bind();
    std::vector<std::unique_ptr<Connection<C>>> connections_;
    std::size_t expected_ = 0;
    std::size_t closed_ = 0;
};

} // namespace bench
