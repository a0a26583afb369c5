// One byte passes back and forth in each of some pairs of sockets. Each pass is one event, one read and one write; with
// one pair it is one wait too, so that nothing hides the cost of a turn of the loop.

#pragma once

#include "contestants/contestant.hpp"
#include "contestants/socket.hpp"
#include "harness/latencies.hpp"
#include "harness/stopwatch.hpp"
#include "harness/suite.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace bench {

template <Contestant C, class Latencies = NoLatencies> class PingPong {
  public:
    PingPong(std::size_t pairs, std::size_t idle, Latencies latencies = {}) : latencies_(latencies) {
        for (std::size_t i = 0; i < pairs; ++i) {
            auto [a, b] = C::LocalStream::pair();
            streams_.push_back(std::move(a));
            streams_.push_back(std::move(b));
        }
        for (std::size_t i = 0; i < streams_.size(); ++i) loop_.add(streams_[i], i);
        for (std::size_t i = 0; i < idle; ++i) {
            idle_.push_back(C::LocalStream::from_raw(Socket::idle_descriptor()));
        }
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

template <Contestant C> void enter_pingpong(Suite& suite) {
    struct Variant {
        Workload workload;
        std::size_t pairs;
        std::size_t idle;
    };
    for (const auto& [workload, pairs, idle] : {
             Variant{{"pingpong", "a pass of a byte, 1 pair", 30'000}, 1, 0},
             Variant{{"pingpong-64", "a pass of a byte, 64 pairs", 50'000, 256}, 64, 0},
             Variant{{"pingpong-idle", "a pass of a byte, 1 pair beside 10,000 idle sources", 30'000, 10'100},
                     1,
                     10'000},
             Variant{{"pingpong-64-idle", "a pass of a byte, 64 pairs beside 10,000 idle sources", 50'000,
                      10'300},
                     64,
                     10'000},
         }) {
        suite.enter(workload, std::string(C::name), [pairs, idle](std::uint64_t operations) {
            return PingPong<C>(pairs, idle).run(operations);
        });
    }
}

} // namespace bench
