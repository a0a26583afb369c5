// Statistics over many measurements: a histogram of times, and the median of ratios.

#pragma once

#include "std.hpp"

namespace probe::bench {

// The highest `fine_bits` bits of a time choose its step: 2^fine_bits steps of one nanosecond, then half as many for
// each further power of two.
constexpr int fine_bits = 8;
constexpr int largest_bits = 40;
constexpr std::size_t half_of_fine = std::size_t{1} << (fine_bits - 1);
constexpr std::size_t steps = (largest_bits - fine_bits + 2) * half_of_fine;
constexpr std::uint64_t largest_time = (std::uint64_t{1} << largest_bits) - 1;

constexpr std::size_t step_of(std::uint64_t time) noexcept {
    const int excess = static_cast<int>(std::bit_width(time)) - fine_bits;
    if (excess <= 0) return static_cast<std::size_t>(time);
    return static_cast<std::size_t>(excess) * half_of_fine + static_cast<std::size_t>(time >> excess);
}

// The middle of a step.
constexpr std::uint64_t time_of(std::size_t step) noexcept {
    if (step < 2 * half_of_fine) return step;
    const auto excess = step / half_of_fine - 1;
    const std::uint64_t first = std::uint64_t{half_of_fine + step % half_of_fine} << excess;
    return first + ((std::uint64_t{1} << excess) - 1) / 2;
}

static_assert(step_of(0) == 0 && step_of(255) == 255 && step_of(256) == 256 && step_of(257) == 256);
static_assert(step_of(largest_time) == steps - 1);
static_assert(time_of(255) == 255 && time_of(256) == 256 && step_of(time_of(1000)) == 1000);

/// Counts times, by nanosecond up to 255 and in steps of less than one percent above. Its size does not depend on
/// their number.
class Histogram {
  public:
    /// Counts one time. Negative times count as 0, times over a quarter of an hour as that.
    inline void record(std::chrono::nanoseconds time) noexcept;
    /// Counts all that `other` counted.
    void merge(const Histogram& other) noexcept;

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] bool empty() const noexcept { return count_ == 0; }

    /// The exact minimum and maximum; empty if nothing was counted.
    [[nodiscard]] std::chrono::nanoseconds minimum() const noexcept;
    [[nodiscard]] std::chrono::nanoseconds maximum() const noexcept;
    /// The quantile, for example 0.5 for the median, to less than one percent; empty if nothing was counted.
    [[nodiscard]] std::chrono::nanoseconds at(double quantile) const noexcept;

    /// The number of times in each range: `limits`, in ascending order, are their upper ends, and the last range is above
    /// all limits. A time that shares a step of this histogram with a limit may be counted on either side.
    [[nodiscard]] std::vector<std::uint64_t>
    counts_below(const std::vector<std::chrono::nanoseconds>& limits) const;

  private:
    std::array<std::uint64_t, steps> counts_{};
    std::uint64_t count_ = 0;
    std::uint64_t minimum_ = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t maximum_ = 0;
};

void Histogram::record(std::chrono::nanoseconds time) noexcept {
    const auto length = time.count() < 0 ? 0 : static_cast<std::uint64_t>(time.count());
    ++counts_[step_of(length < largest_time ? length : largest_time)];
    ++count_;
    if (length < minimum_) minimum_ = length;
    if (length > maximum_) maximum_ = length;
}

/// The quartiles of some numbers, and their minimum and maximum. All 0 if there are none.
struct Spread {
    double minimum = 0;
    double first_quartile = 0;
    double median = 0;
    double third_quartile = 0;
    double maximum = 0;
};

Spread spread_of(std::vector<double> values);

/// Spread of the ratios of pairs. A disturbance of one round affects both of its halves, and a single round has little
/// weight. Pairs whose second half is 0 are skipped.
Spread paired_ratios(const std::vector<double>& these, const std::vector<double>& those);

/// Round numbers from at or below `from` to at or above `to`, equally far from each other, at most `most` steps.
std::vector<std::chrono::nanoseconds> scale(std::chrono::nanoseconds from, std::chrono::nanoseconds to,
                                            std::size_t most);

} // namespace probe::bench
