// What the servers share: a listener, and connections that are served until the load process has closed all of them.

#pragma once

#include "contestants/contestant.hpp"
#include "harness/processors.hpp"
#include "harness/stopwatch.hpp"
#include "harness/suite.hpp"
#include "workloads/load.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

/// `Connection` is made from a stream, and its `serve` answers whether it stays open.
template <Contestant C, template <class> class Connection> class Server {
  public:
    /// Serves `operations` requests that come through so many `connections`.
    Sample run(std::uint64_t operations, std::size_t connections, std::string_view request,
               std::size_t response_size) {
        loop_.add(listener_, listener_token);
        expected_ = connections;
        const LoadProcess load([&, port = listener_.port()] {
            request_and_wait(port, connections, operations, request, response_size);
        });
        const Pinned pinned(processors().front());
        const Stopwatch stopwatch;
        loop_.run();
        return stopwatch.per(operations);
    }

    void ready(std::size_t token) {
        if (token != listener_token) [[likely]] {
            if (!connections_[token]->serve()) [[unlikely]]
                close(token);
            return;
        }
        while (auto stream = listener_.accept()) {
            connections_.push_back(std::make_unique<Connection<C>>(std::move(*stream)));
            loop_.add(connections_.back()->stream, connections_.size() - 1);
        }
    }
    [[nodiscard]] bool done() const { return closed_ == expected_; }

  private:
    static constexpr std::size_t listener_token = SIZE_MAX;

    void close(std::size_t token) {
        connections_[token].reset();
        ++closed_;
    }

    typename C::template Loop<Server> loop_{*this};
    typename C::Listener listener_ = C::Listener::bind();
    std::vector<std::unique_ptr<Connection<C>>> connections_;
    std::size_t expected_ = 0;
    std::size_t closed_ = 0;
};

} // namespace bench
