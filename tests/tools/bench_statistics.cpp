// The statistics of `mio-probe bench`.

#include <gtest/gtest.h>

#include "bench_statistics.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

namespace {

using namespace std::chrono_literals;
using probe::bench::Histogram;
using std::chrono::nanoseconds;

Histogram of(std::initializer_list<nanoseconds> times) {
    Histogram histogram;
    for (const auto time : times) histogram.record(time);
    return histogram;
}

// Less than one percent off.
void expect_about(nanoseconds got, nanoseconds expected) {
    EXPECT_LE(got, expected + expected / 100) << expected.count();
    EXPECT_GE(got, expected - expected / 100) << expected.count();
}

TEST(Histogram, IsEmptyWithoutMeasurements) {
    const Histogram histogram;
    EXPECT_TRUE(histogram.empty());
    EXPECT_EQ(histogram.minimum(), 0ns);
    EXPECT_EQ(histogram.at(0.5), 0ns);
    EXPECT_EQ(histogram.maximum(), 0ns);
}

TEST(Histogram, OfOneTimeHasEqualQuantiles) {
    for (const auto time : {nanoseconds(0), nanoseconds(255), nanoseconds(256), nanoseconds(1'000'001)}) {
        const auto histogram = of({time});
        for (const double quantile : {0.0, 0.5, 0.99, 1.0}) EXPECT_EQ(histogram.at(quantile), time);
        EXPECT_EQ(histogram.minimum(), time);
        EXPECT_EQ(histogram.maximum(), time);
    }
}

TEST(Histogram, QuantilesMatchTheSortedTimes) {
    Histogram histogram;
    for (int i = 100; i >= 1; --i) histogram.record(nanoseconds(i)); // in steps of one: exact
    EXPECT_EQ(histogram.count(), 100u);
    EXPECT_EQ(histogram.at(0), 1ns);
    EXPECT_EQ(histogram.at(0.5), 50ns);
    EXPECT_EQ(histogram.at(0.99), 99ns);
    EXPECT_EQ(histogram.at(1), 100ns);
}

TEST(Histogram, QuantilesOfLongTimesAreAccurateToOnePercent) {
    for (nanoseconds time = 300ns; time < 10min; time += time / 3) {
        const auto histogram = of({time / 2, time, time * 2});
        expect_about(histogram.at(0.5), time);
        EXPECT_EQ(histogram.minimum(), time / 2);
        EXPECT_EQ(histogram.maximum(), time * 2 < 1099511627775ns ? time * 2 : 1099511627775ns);
    }
}

TEST(Histogram, ClampsTimesOutsideItsRange) {
    const auto histogram = of({-5ns, 48h});
    EXPECT_EQ(histogram.count(), 2u);
    EXPECT_EQ(histogram.minimum(), 0ns);
    EXPECT_GT(histogram.maximum(), 15min);
}

TEST(Histogram, MergingEqualsCountingTogether) {
    auto histogram = of({5ns, 7ns});
    histogram.merge(of({1ns, 9ns, 3ns}));
    EXPECT_EQ(histogram.count(), 5u);
    EXPECT_EQ(histogram.minimum(), 1ns);
    EXPECT_EQ(histogram.at(0.5), 5ns);
    EXPECT_EQ(histogram.maximum(), 9ns);

    histogram.merge({});
    EXPECT_EQ(histogram.count(), 5u);
    EXPECT_EQ(histogram.minimum(), 1ns);
}

TEST(Histogram, RangesIncludeTimesBelowTheirLimits) {
    const auto histogram = of({1ns, 9ns, 10ns, 19ns, 20ns, 100ns});
    const std::vector<std::uint64_t> expected{2, 2, 2};
    EXPECT_EQ(histogram.counts_below({10ns, 20ns}), expected);
    const std::vector<std::uint64_t> all{6};
    EXPECT_EQ(histogram.counts_below({}), all);
}

TEST(Ratios, AreComputedPerPair) {
    // The machine was ten times slower in the second round: that meets both.
    const auto ratios = probe::bench::paired_ratios({110, 1200, 130}, {100, 1000, 100});
    EXPECT_DOUBLE_EQ(ratios.minimum, 1.1);
    EXPECT_DOUBLE_EQ(ratios.median, 1.2);
    EXPECT_DOUBLE_EQ(ratios.maximum, 1.3);
}

TEST(Ratios, SkipPairsWithoutAReference) {
    EXPECT_DOUBLE_EQ(probe::bench::paired_ratios({1, 3, 5}, {0, 2}).median, 1.5);
    EXPECT_DOUBLE_EQ(probe::bench::paired_ratios({}, {}).median, 0);
}

TEST(Spread, MedianOfAnEvenNumberIsTheMeanOfTheMiddleTwo) {
    const auto spread = probe::bench::spread_of({4, 1, 3, 2});
    EXPECT_DOUBLE_EQ(spread.minimum, 1);
    EXPECT_DOUBLE_EQ(spread.median, 2.5);
    EXPECT_DOUBLE_EQ(spread.maximum, 4);
}

TEST(Spread, QuartilesLieBetweenTheNearestNumbers) {
    const auto spread = probe::bench::spread_of({50, 10, 30, 20, 40});
    EXPECT_DOUBLE_EQ(spread.first_quartile, 20);
    EXPECT_DOUBLE_EQ(spread.third_quartile, 40);
    const auto two = probe::bench::spread_of({2, 1});
    EXPECT_DOUBLE_EQ(two.first_quartile, 1.25);
    EXPECT_DOUBLE_EQ(two.third_quartile, 1.75);
    EXPECT_DOUBLE_EQ(probe::bench::spread_of({7}).first_quartile, 7);
}

TEST(Scale, HasRoundStepsThatCoverBothEnds) {
    const std::vector<nanoseconds> expected{1200ns, 1400ns, 1600ns, 1800ns, 2000ns, 2200ns};
    EXPECT_EQ(probe::bench::scale(1234ns, 2001ns, 5), expected);
    const std::vector<nanoseconds> one{0ns, 1ns};
    EXPECT_EQ(probe::bench::scale(0ns, 0ns, 5), one);
}

TEST(Scale, HasAtMostTheRequestedSteps) {
    for (const std::size_t most : {1u, 2u, 12u}) {
        for (nanoseconds to = 1ns; to < 1h; to *= 7) {
            const auto marks = probe::bench::scale(to / 2, to, most);
            ASSERT_GE(marks.size(), 2u);
            EXPECT_LE(marks.size() - 1, most);
            EXPECT_LE(marks.front(), to / 2);
            EXPECT_GE(marks.back(), to);
        }
    }
}

} // namespace
