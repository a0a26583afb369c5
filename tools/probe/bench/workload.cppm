/// @file
/// What `mio-probe bench` measures.

module;

#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

export module probe.bench.workload;

import probe.bench.statistics;

namespace probe::bench {

export using Clock = std::chrono::steady_clock;

/// What one round of one contestant came to.
export struct Measurement {
    Histogram latencies;
    std::chrono::nanoseconds time{}; ///< of the whole round, without what prepared it
};

/// Does a round of `operations`, or of a few more. Throws `Refused`.
export using Play = void(*)(std::uint64_t operations, Measurement&);

/// What a ratio compares.
export enum class Compared {
    time,    ///< the time of a round, for each operation
    latency, ///< the median of the latencies of a round, where the rest is waiting that was asked for
};

/// Something to do, on this library and on the bare calls of the OS.
export struct Workload {
    std::string_view name;
    std::string_view operation; ///< what one operation is, and its latency
    std::uint64_t operations;   ///< of one round
    Compared compared = Compared::time;
    Play on_library;
    Play on_bare_calls;
};

/// All of them; none where no loop is written on the bare calls of the backend that `Poll` uses.
export std::vector<Workload> workloads();

} // namespace probe::bench
