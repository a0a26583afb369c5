// Many pairs of sockets, of which a byte makes some readable; each that is read has a byte written to the next one,
// until a number of writes is reached. Many events come with each wait, from all over a large set of sources.

#pragma once

#include "contestants/contestant.hpp"
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

template <Contestant C> class Chain {
  public:
    explicit Chain(std::size_t pairs) {
        for (std::size_t i = 0; i < pairs; ++i) {
            auto [receiver, sender] = C::LocalStream::pair();
            receivers_.push_back(std::move(receiver));
            senders_.push_back(std::move(sender));
        }
        for (std::size_t i = 0; i < pairs; ++i) loop_.add(receivers_[i], i);
    }

    Sample run(std::uint64_t operations) {
        round();
        const Stopwatch stopwatch;
        std::uint64_t events = 0;
        while (events < operations) events += round();
        return stopwatch.per(events);
    }

    void ready(std::size_t token) {
        if (!receivers_[token].read(buffer_)) return;
        ++reads_;
        if (writes_ == writes_of_a_round) return;
        ++writes_;
        const std::size_t next = token + 1;
        senders_[next == senders_.size() ? 0 : next].write(std::span(buffer_).first(1));
    }
    [[nodiscard]] bool done() const { return reads_ == active + writes_of_a_round; }

    static constexpr std::size_t active = 100;
    static constexpr std::size_t writes_of_a_round = 1'000;

  private:
    std::size_t round() {
        reads_ = 0;
        writes_ = 0;
        const std::size_t space = senders_.size() / active;
        for (std::size_t i = 0; i < active; ++i) senders_[i * space].write(std::span(buffer_).first(1));
        loop_.run();
        return reads_;
    }

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
