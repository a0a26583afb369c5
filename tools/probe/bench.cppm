/// @file
/// `mio-probe bench`: how fast this library is here, beside the same loops on the bare calls of the OS.

module;

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

export module probe.bench;

import probe.failure;

namespace probe {

/// How long each workload is measured unless something else is asked for.
export inline constexpr std::chrono::milliseconds bench_default_time{2000};

export struct BenchOptions {
    std::vector<std::string> workloads;            ///< which ones; none means all
    std::optional<std::uint64_t> rounds;           ///< of each, at the most
    std::optional<std::chrono::milliseconds> time; ///< for each, at the most; without rounds the default
    bool list = false;                             ///< names them instead of measuring
    bool json = false;
};

/// False in a build for a backend that no bare loop was written for.
export bool can_bench();

/// Throws `WrongUsage` for a workload that there is not.
export ExitStatus run(const BenchOptions& options);

} // namespace probe
