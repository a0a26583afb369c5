// How late a wait ends that nothing but its time-out ends.

#pragma once

#include "contestants/contestant.hpp"
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

template <Contestant C> class Timeout {
  public:
    static constexpr bool is_timed = true;

    /// The median of the times that `operations` waits were late.
    Sample run(std::uint64_t operations, std::chrono::nanoseconds time) {
        std::vector<double> late;
        for (std::uint64_t i = 0; i < operations; ++i) {
            const double start = nanoseconds_of(CLOCK_MONOTONIC);
            loop_.pause(time);
            late.push_back(nanoseconds_of(CLOCK_MONOTONIC) - start - static_cast<double>(time.count()));
        }
        const auto middle = late.begin() + static_cast<std::ptrdiff_t>(late.size() / 2);
        std::nth_element(late.begin(), middle, late.end());
        return {.time_ns = *middle};
    }

    void ready(std::size_t) {}
    [[nodiscard]] bool done() const { return true; }

  private:
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
