// The cases to measure, and the order of their rounds.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// A task that every contestant performs.
struct Workload {
    std::string_view name;
    std::string_view description; // of one operation, so that "ns per ..." reads on
    std::uint64_t operations;     // of one round
    std::size_t descriptors = 64; // approximate number open at the same time
    std::size_t processors = 1;
};

/// Result of one round of one contestant, per operation.
struct Sample {
    double time_ns = 0;
    /// Processor time of the measured thread; not a number where waiting is measured.
    double processor_ns = std::numeric_limits<double>::quiet_NaN();
};

/// One workload done by one contestant.
struct Case {
    Workload workload;
    std::string contestant;
    std::function<Sample(std::uint64_t operations)> run;
};

/// Results of all rounds of a case.
struct Outcome {
    const Case* what;
    std::uint64_t operations;
    std::vector<Sample> samples;
};

/// Everything that can be measured.
class Suite {
  public:
    /// Contestants are added one after the other; the workloads have the order of the first contestant.
    void enter(const Workload& workload, std::string contestant,
               std::function<Sample(std::uint64_t operations)> run);

    [[nodiscard]] const std::vector<Case>& cases() const { return cases_; }

  private:
    std::vector<Case> cases_;
};

/// The contestant that the others are compared with.
inline constexpr std::string_view reference = "bare";

/// Measures the `cases` of one workload: each of `rounds` runs every contestant, starting with another one, so that other
/// load on the machine affects all of them.
std::vector<Outcome> interleave(const std::vector<const Case*>& cases, std::size_t rounds,
                                std::uint64_t operations);

/// Raises the limit of open descriptors to the hard limit, and returns it.
std::size_t descriptor_limit();

} // namespace bench
