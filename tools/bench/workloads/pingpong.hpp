// One byte passes back and forth in each of some pairs of sockets. Each pass is one event, one read and one write; with
// one pair it is one wait too, so that nothing hides the cost of a turn of the loop.

#pragma once

#include "contestants/contestant.hpp"
#include "harness/latencies.hpp"
#include "harness/stopwatch.hpp"
#include "harness/suite.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace bench {

template <Contestant C, class Latencies = NoLatencies> class PingPong {
  public:
    /// `idle` sources are watched beside the pairs, and are never ready.
    PingPong(std::size_t pairs, std::vector<typename C::LocalStream> idle, Latencies latencies = {})
        : latencies_(latencies), idle_(std::move(idle)) {
        for (std::size_t i = 0; i < pairs; ++i) {
            auto [a, b] = C::LocalStream::pair();
            streams_.push_back(std::move(a));
            streams_.push_back(std::move(b));
        }
        for (std::size_t i = 0; i < streams_.size(); ++i) loop_.add(streams_[i], i);
        for (auto& one : idle_) loop_.add(one, streams_.size());
        for (std::size_t i = 0; i < pairs; ++i) streams_[2 * i].write(std::span(buffer_).first(1));
    }

    Sample run(std::uint64_t operations) {
        go_on_for(256); // warms up
        latencies_.begin();
        const Stopwatch stopwatch;
        go_on_for(operations);
        return stopwatch.per(passes_);
    }

    void ready(std::size_t token) {
        auto& stream = streams_[token];
        if (const auto count = stream.read(buffer_)) [[likely]] {
            stream.write(std::span(buffer_).first(*count));
            ++passes_;
            latencies_.lap();
        }
    }
    [[nodiscard]] bool done() const { return passes_ >= goal_; }

  private:
    void go_on_for(std::uint64_t passes) {
        passes_ = 0;
        goal_ = passes;
        loop_.run();
    }

    [[no_unique_address]] Latencies latencies_;
    typename C::template Loop<PingPong> loop_{*this};
    std::vector<typename C::LocalStream> streams_;
    std::vector<typename C::LocalStream> idle_;
    std::array<std::byte, 64> buffer_{};
    std::uint64_t passes_ = 0;
    std::uint64_t goal_ = 0;
};

} // namespace bench
