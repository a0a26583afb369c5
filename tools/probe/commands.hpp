// Options of each subcommand, and the functions that run them.

#pragma once

#include "shared.hpp"
#include "watch_options.hpp"

namespace probe {

struct InfoOptions {
    bool json = false;
};

ExitStatus run(const InfoOptions& options);

struct EventsOptions {
    std::vector<std::string> scenarios; ///< which ones; none means all
    std::vector<std::string> backends;  ///< on which ones, side by side; none means the one behind `Poll`
    bool list = false;                  ///< lists them instead of running them
    bool check = false;                 ///< compares with the golden table
    bool json = false;
};

/// Throws `WrongUsage` for an unknown scenario or backend.
ExitStatus run(const EventsOptions& options);

/// Default measurement time of a workload.
inline constexpr std::chrono::milliseconds bench_default_time{2000};

/// The fewest pairs of rounds that give a meaningful ratio.
inline constexpr std::size_t bench_fewest_pairs = 10;

struct BenchOptions {
    std::vector<std::string> workloads;  ///< which ones; none means all
    std::optional<std::uint64_t> rounds; ///< of each workload, at most
    std::optional<std::chrono::milliseconds>
        time;          ///< for each workload, at most; if `rounds` is not set, a default applies
    bool list = false; ///< lists them instead of measuring
    bool json = false;
};

/// Throws `WrongUsage` for an unknown workload.
ExitStatus run(const BenchOptions& options);

struct DoctorOptions {
    bool json = false;
};

ExitStatus run(const DoctorOptions& options);

struct TraceOptions {
    std::uint64_t process = 0; ///< its id
    bool json = false;
};

/// Throws `Refused` for a process that cannot be inspected.
ExitStatus run(const TraceOptions& options);

ExitStatus run(const WatchOptions& options);

} // namespace probe
