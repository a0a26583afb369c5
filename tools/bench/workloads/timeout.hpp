// Delay of a wait that ends by its timeout.

#pragma once

#include "contestants/contestant.hpp"
#include "harness/latencies.hpp"
#include "harness/stopwatch.hpp"
#include "harness/suite.hpp"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bench {

template <Contestant C, class Latencies = NoLatencies> class Timeout {
  public:
    static constexpr bool is_timed = true;

    explicit Timeout(Latencies latencies = {}) : latencies_(latencies) {}

    /// The median lateness of `operations` waits.
    Sample run(std::uint64_t operations, std::chrono::nanoseconds time) {
        std::vector<double> late;
        loop_.pause(time); // warms up
        latencies_.begin();
        for (std::uint64_t i = 0; i < operations; ++i) {
            const double start = nanoseconds_of(CLOCK_MONOTONIC);
            loop_.pause(time);
            const double lateness =
                nanoseconds_of(CLOCK_MONOTONIC) - start - static_cast<double>(time.count());
            if (lateness < 0) continue; // a signal ended it
            late.push_back(lateness);
            latencies_.add(std::chrono::nanoseconds(static_cast<std::int64_t>(lateness)));
        }
        if (late.empty()) return {};
        const auto middle = late.begin() + static_cast<std::ptrdiff_t>(late.size() / 2);
        std::nth_element(late.begin(), middle, late.end());
        return {.time_ns = *middle};
    }

    void ready(std::size_t) {}
    [[nodiscard]] bool done() const { return true; }

  private:
    [[no_unique_address]] Latencies latencies_;
    typename C::template Loop<Timeout> loop_{*this};
};

template <Contestant C> void enter_timeout(Suite& suite) {
    using namespace std::chrono_literals;
    suite.enter({"timeout-50us", "how late a wait for 50 us ends", 200}, std::string(C::name),
                [](std::uint64_t operations) { return Timeout<C>().run(operations, 50us); });
    suite.enter({"timeout-1ms", "how late a wait for 1 ms ends", 40}, std::string(C::name),
                [](std::uint64_t operations) { return Timeout<C>().run(operations, 1ms); });
}

} // namespace bench
