#include "bench_statistics.hpp"

namespace probe::bench {

using std::chrono::nanoseconds;

void Histogram::merge(const Histogram& other) noexcept {
    for (std::size_t step = 0; step < steps; ++step) counts_[step] += other.counts_[step];
    count_ += other.count_;
    minimum_ = std::min(minimum_, other.minimum_);
    maximum_ = std::max(maximum_, other.maximum_);
}

nanoseconds Histogram::minimum() const noexcept {
    return nanoseconds(empty() ? 0 : static_cast<nanoseconds::rep>(minimum_));
}

nanoseconds Histogram::maximum() const noexcept {
    return nanoseconds(static_cast<nanoseconds::rep>(maximum_));
}

nanoseconds Histogram::at(double quantile) const noexcept {
    if (empty()) return {};
    const auto rank = std::ceil(std::clamp(quantile, 0.0, 1.0) * static_cast<double>(count_));
    const auto wanted = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(rank), 1, count_);
    std::uint64_t seen = 0;
    for (std::size_t step = 0; step < steps; ++step) {
        seen += counts_[step];
        if (seen < wanted) continue;
        // The middle of a step may lie beyond all of its times.
        return nanoseconds(static_cast<nanoseconds::rep>(std::clamp(time_of(step), minimum_, maximum_)));
    }
    return maximum();
}

std::vector<std::uint64_t> Histogram::counts_below(const std::vector<nanoseconds>& limits) const {
    std::vector<std::uint64_t> counts(limits.size() + 1);
    std::size_t range = 0;
    for (std::size_t step = 0; step < steps; ++step) {
        if (counts_[step] == 0) continue;
        const nanoseconds time(static_cast<nanoseconds::rep>(std::clamp(time_of(step), minimum_, maximum_)));
        while (range < limits.size() && time >= limits[range]) ++range;
        counts[range] += counts_[step];
    }
    return counts;
}

namespace {

// Between the two nearest of `sorted`, which is not empty.
double quantile_of(const std::vector<double>& sorted, double quantile) {
    const double place = quantile * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const auto above = std::min(below + 1, sorted.size() - 1);
    return std::lerp(sorted[below], sorted[above], place - static_cast<double>(below));
}

} // namespace

Spread spread_of(std::vector<double> values) {
    if (values.empty()) return {};
    std::ranges::sort(values);
    return {values.front(), quantile_of(values, 0.25), quantile_of(values, 0.5), quantile_of(values, 0.75),
            values.back()};
}

Spread paired_ratios(const std::vector<double>& these, const std::vector<double>& those) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < std::min(these.size(), those.size()); ++i) {
        if (those[i] > 0) ratios.push_back(these[i] / those[i]);
    }
    return spread_of(std::move(ratios));
}

std::vector<nanoseconds> scale(nanoseconds from, nanoseconds to, std::size_t most) {
    constexpr nanoseconds::rep leading[] = {1, 2, 5};
    const auto first = std::max<nanoseconds::rep>(from.count(), 0);
    const auto last = std::max(to.count(), first + 1);
    for (nanoseconds::rep ten = 1;; ten *= 10) {
        for (const auto digit : leading) {
            const auto step = digit * ten;
            const auto begin = first / step;
            const auto end = (last + step - 1) / step;
            if (end - begin > static_cast<nanoseconds::rep>(most)) continue;
            std::vector<nanoseconds> marks;
            for (auto mark = begin; mark <= end; ++mark) marks.emplace_back(mark * step);
            return marks;
        }
    }
}

} // namespace probe::bench
