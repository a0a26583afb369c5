#pragma once

#include "harness/suite.hpp"

#include <time.h>

#include <cstdint>

namespace bench {

inline double nanoseconds_of(::clockid_t clock) {
    ::timespec now{};
    ::clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

/// Measures, from its construction, the elapsed time and this thread's processor time, which other load does not affect.
class Stopwatch {
  public:
    [[nodiscard]] Sample per(std::uint64_t operations) const {
        const auto count = static_cast<double>(operations);
        return {.time_ns = (nanoseconds_of(CLOCK_MONOTONIC) - time_) / count,
                .processor_ns = (nanoseconds_of(CLOCK_THREAD_CPUTIME_ID) - processor_) / count};
    }

  private:
    double time_ = nanoseconds_of(CLOCK_MONOTONIC);
    double processor_ = nanoseconds_of(CLOCK_THREAD_CPUTIME_ID);
};

} // namespace bench
