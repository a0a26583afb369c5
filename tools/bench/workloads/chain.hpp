// Many pairs of sockets. A byte makes some of them readable, and reading from one writes a byte to the next, until a number
// of writes is reached. Each wait reports many events, from all over a large set of sources.

#pragma once

#include "contestants/contestant.hpp"
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

template <Contestant C, class Latencies = NoLatencies, std::size_t active = 100> class Chain {
  public:
    explicit Chain(std::size_t pairs, Latencies latencies = {}) : latencies_(std::move(latencies)) {
        for (std::size_t i = 0; i < pairs; ++i) {
            auto [receiver, sender] = C::LocalStream::pair();
            receivers_.push_back(std::move(receiver));
            senders_.push_back(std::move(sender));
        }
        for (std::size_t i = 0; i < pairs; ++i) loop_.add(receivers_[i], i);
    }

    Sample run(std::uint64_t operations) {
        round();
        latencies_.begin();
        const Stopwatch stopwatch;
        std::uint64_t events = 0;
        while (events < operations) events += round();
        return stopwatch.per(events);
    }

    void ready(std::size_t token) {
        if (!receivers_[token].read(buffer_)) return;
        latencies_.record(token);
        ++reads_;
        if (writes_ == writes_of_a_round) return;
        ++writes_;
        const std::size_t next = token + 1;
        write(next == senders_.size() ? 0 : next);
    }
    [[nodiscard]] bool done() const { return reads_ == active + writes_of_a_round; }

  private:
    static constexpr std::size_t writes_of_a_round = 1'000;

    void write(std::size_t pair) {
        latencies_.mark(pair);
        senders_[pair].write(std::span(buffer_).first(1));
    }

    std::size_t round() {
        reads_ = 0;
        writes_ = 0;
        const std::size_t space = senders_.size() / active;
        for (std::size_t i = 0; i < active; ++i) write(i * space);
        loop_.run();
        return reads_;
    }

    [[no_unique_address]] Latencies latencies_;
    typename C::template Loop<Chain> loop_{*this};
    std::vector<typename C::LocalStream> receivers_;
    std::vector<typename C::LocalStream> senders_;
    std::array<std::byte, 64> buffer_{};
    std::size_t reads_ = 0;
    std::size_t writes_ = 0;
};

template <Contestant C> void enter_chain(Suite& suite) {
    suite.enter({"chain", "an event, 1,000 pairs of which 100 are active", 55'000, 2'100},
                std::string(C::name),
                [](std::uint64_t operations) { return Chain<C>(1'000).run(operations); });
    suite.enter({"chain-5000", "an event, 5,000 pairs of which 100 are active", 55'000, 10'100},
                std::string(C::name),
                [](std::uint64_t operations) { return Chain<C>(5'000).run(operations); });
}

} // namespace bench
