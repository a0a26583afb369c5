// Processor affinity.
#pragma once

#include <sched.h>

#include <algorithm>

namespace test {

/// Pins the thread to its current processor.
class OneProcessor {
  public:
    OneProcessor() {
        ::sched_getaffinity(0, sizeof before_, &before_);
        ::cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(static_cast<unsigned>(std::max(::sched_getcpu(), 0)), &one);
        ::sched_setaffinity(0, sizeof one, &one);
    }
    OneProcessor(const OneProcessor&) = delete;
    ~OneProcessor() { ::sched_setaffinity(0, sizeof before_, &before_); }

  private:
    ::cpu_set_t before_;
};

} // namespace test
