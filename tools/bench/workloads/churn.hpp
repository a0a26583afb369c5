// Sources that are added and removed. The loop is polled in between, since some contestants defer registrations until
// then, and only what reaches the kernel counts.

#pragma once

#include "contestants/contestant.hpp"
#include "harness/latencies.hpp"
#include "harness/stopwatch.hpp"
#include "harness/suite.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace bench {

template <Contestant C, class Latencies = NoLatencies, std::size_t batch = 100> class Churn {
  public:
    explicit Churn(Latencies latencies = {}) : latencies_(latencies) {}

    /// Adds and removes sources that stay open.
    Sample add_and_remove(std::uint64_t operations) {
        std::vector<std::pair<typename C::LocalStream, typename C::LocalStream>> pairs;
        for (std::size_t i = 0; i < batch; ++i) pairs.push_back(C::LocalStream::pair());
        const auto once = [&] {
            for (auto& pair : pairs) loop_.add(pair.first, 0);
            loop_.poll_now();
            for (auto& pair : pairs) loop_.remove(pair.first);
        };
        return repeat(once, operations);
    }

    /// Opens pairs, adds one half of each, and closes them.
    Sample open_add_and_close(std::uint64_t operations) {
        std::vector<std::pair<typename C::LocalStream, typename C::LocalStream>> pairs;
        const auto once = [&] {
            for (std::size_t i = 0; i < batch; ++i) {
                pairs.push_back(C::LocalStream::pair());
                loop_.add(pairs.back().first, 0);
            }
            loop_.poll_now();
            pairs.clear();
        };
        return repeat(once, operations);
    }

    void ready(std::size_t) {}
    [[nodiscard]] bool done() const { return true; }

  private:
    template <class F> Sample repeat(const F& once, std::uint64_t operations) {
        once();
        latencies_.begin();
        const Stopwatch stopwatch;
        std::uint64_t count = 0;
        for (; count < operations; count += batch) {
            once();
            latencies_.lap();
        }
        loop_.poll_now(); // for deferred changes
        return stopwatch.per(count);
    }

    [[no_unique_address]] Latencies latencies_;
    typename C::template Loop<Churn> loop_{*this};
};

template <Contestant C> void enter_churn(Suite& suite) {
    suite.enter({"churn", "adding and removing a source", 30'000, 300}, std::string(C::name),
                [](std::uint64_t operations) { return Churn<C>().add_and_remove(operations); });
    suite.enter({"churn-open", "opening a pair, adding one half, closing", 10'000, 300}, std::string(C::name),
                [](std::uint64_t operations) { return Churn<C>().open_add_and_close(operations); });
}

} // namespace bench
