// What is measured, by whom, and in which order.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// Something to do, the same for every contestant.
struct Workload {
    std::string_view name;
    std::string_view description; // of one operation, so that "ns per ..." reads on
    std::uint64_t operations;     // of one round
    std::size_t descriptors = 64; // open at once, about
    std::size_t processors = 1;
};

/// What one round of one contestant came to, for each operation.
struct Sample {
    double time_ns = 0;
    /// What the measured thread used of its processor; not a number where waiting is what is measured.
    double processor_ns = std::numeric_limits<double>::quiet_NaN();
};

/// One workload done by one contestant.
struct Case {
    Workload workload;
    std::string contestant;
    std::function<Sample(std::uint64_t operations)> run;
};

/// What all rounds of a case came to.
struct Outcome {
    const Case* what;
    std::uint64_t operations;
    std::vector<Sample> samples;
};

/// Everything that can be measured.
class Suite {
  public:
    /// Contestants are entered one after the other, workloads in the order of the first of them.
    void enter(const Workload& workload, std::string contestant,
               std::function<Sample(std::uint64_t operations)> run);

    [[nodiscard]] const std::vector<Case>& cases() const { return cases_; }

  private:
    std::vector<Case> cases_;
};

/// The contestant that the others are compared with.
inline constexpr std::string_view reference = "bare";

/// Measures `cases`, of one workload: in each of `rounds` every contestant has its turn, and another one begins, so
/// that what else the machine does meets all of them.
std::vector<Outcome> interleave(const std::vector<const Case*>& cases, std::size_t rounds,
                                std::uint64_t operations);

/// Raises the limit of open descriptors as far as it goes, and tells how many that is.
std::size_t descriptor_limit();

} // namespace bench
