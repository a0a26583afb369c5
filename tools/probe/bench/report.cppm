/// @file
/// What the rounds of a workload came to, for people and for programs.

module;

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

export module probe.bench.report;

import probe.bench.statistics;
import probe.bench.workload;
import probe.output;

namespace probe::bench {

/// All rounds of one contestant.
export struct Tally {
    Histogram latencies;
    std::uint64_t operations = 0;
    std::chrono::nanoseconds time{};
    std::vector<double> compared; ///< by round, what the ratio is of: nanoseconds

    void add(const Measurement& round, const Workload& workload);
    /// Operations a second.
    [[nodiscard]] double rate() const;
};

/// Both of them side by side, the rounds in pairs.
export struct Comparison {
    Workload workload;
    Tally library;
    Tally bare;

    [[nodiscard]] std::size_t rounds() const { return bare.compared.size(); }
    /// Of this library to the bare calls: above 1 it takes longer.
    [[nodiscard]] Spread ratio() const { return paired_ratios(library.compared, bare.compared); }
};

/// A page on one workload.
export std::string text_of(const Comparison&, const Output&);

/// One JSON document.
export std::string json_of(const std::vector<Comparison>&, bool was_interrupted);

/// The names of workloads and what each measures.
export std::string table_of(const std::vector<Workload>&, const Output&);
export std::string json_of(const std::vector<Workload>&);

} // namespace probe::bench
