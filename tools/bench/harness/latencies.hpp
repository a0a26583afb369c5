#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace bench {

/// The hook of a workload for the latency of each operation. This one records nothing and costs nothing.
struct NoLatencies {
    /// Starts to record, after `warm_up` more laps.
    static void begin([[maybe_unused]] std::uint64_t warm_up = 0) {}
    /// Ends an operation that began when the previous one ended.
    static void lap() {}
    /// Begins and ends an operation that overlaps others.
    static void mark(std::size_t) {}
    static void record(std::size_t) {}
    /// A latency that the workload measured itself.
    static void add(std::chrono::nanoseconds) {}
};

} // namespace bench
