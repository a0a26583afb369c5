// Tests of epoll's events against the golden table, tools/golden/events.txt. Include it last: it imports mio.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>

#include "support.hpp"

namespace test {

/// The epoll event of one step of the table.
struct GoldenEvent {
    std::uint32_t flags; ///< 0: the step causes no event
    Readiness readiness;
    bool once; ///< exactly one event; otherwise, events with fewer of its flags may come first
};

/// The epoll event of one step, as in "tcp-peer-close: peer closed". Throws `std::runtime_error` unless the table
/// has exactly one.
GoldenEvent golden_epoll_event(std::string_view step);

inline constexpr Token golden_token{0xfedc'ba98'7654'3210};

/// Polls and expects what the table says of a step that was just taken.
void expect_golden_event(Loop& loop, const GoldenEvent& golden);

/// Polls and expects one event with exactly these flags and predicates.
void expect_golden_event_at_once(Loop& loop, const GoldenEvent& golden);

/// A state of a source. `Stage` has a `Loop loop` and `with_source(f)`, which calls `f` with the source.
template <class Stage> struct GoldenRow {
    const char* name;
    void (*begin)(Stage&); // precedes registering
    void (*then)(Stage&);  // the step; null: registering is the step
    Interest interest;
    const char* step; // in the table
    GoldenEvent golden = golden_epoll_event(step);

    friend void PrintTo(const GoldenRow& row, std::ostream* out) { *out << row.name; }
};

/// Adds, modifies and removes the source of a stage.
template <class Stage> mio::Result<> add(Stage& stage, Interest interest, mio::Trigger trigger) {
    return stage.with_source(
        [&](auto& source) { return stage.loop.registry().add(source, golden_token, interest, trigger); });
}
template <class Stage> mio::Result<> modify(Stage& stage, Interest interest, mio::Trigger trigger) {
    return stage.with_source(
        [&](auto& source) { return stage.loop.registry().modify(source, golden_token, interest, trigger); });
}
template <class Stage> mio::Result<> remove(Stage& stage) {
    return stage.with_source([&](auto& source) { return stage.loop.registry().remove(source); });
}

/// The step causes the event of the table, and so do `modify` and `add` afterwards.
template <class Stage> void expect_golden_edges(const GoldenRow<Stage>& row) {
    constexpr auto edge = mio::Trigger::edge;
    Stage stage;
    ASSERT_NO_FATAL_FAILURE(row.begin(stage));
    ASSERT_TRUE(ok(add(stage, row.interest, edge)));
    if (row.then != nullptr) {
        // Report the initial state first, so that the next event is caused by the step.
        ASSERT_TRUE(ok(stage.loop.poll.poll(stage.loop.events, 0ns)));
        ASSERT_NO_FATAL_FAILURE(row.then(stage));
    }
    ASSERT_NO_FATAL_FAILURE(expect_golden_event(stage.loop, row.golden));
    if (row.golden.flags == 0) return;

    // The state has settled.
    ASSERT_TRUE(ok(stage.loop.poll.poll(stage.loop.events, 0ns)));
    ASSERT_TRUE(ok(modify(stage, row.interest, edge)));
    ASSERT_NO_FATAL_FAILURE(expect_golden_event_at_once(stage.loop, row.golden));
    ASSERT_TRUE(ok(remove(stage)));
    ASSERT_TRUE(ok(add(stage, row.interest, edge)));
    ASSERT_NO_FATAL_FAILURE(expect_golden_event_at_once(stage.loop, row.golden));
}

/// The trigger does not change the flags.
template <class Stage> void expect_golden_flags_of_level_and_oneshot(const GoldenRow<Stage>& row) {
    for (const auto trigger : {mio::Trigger::level, mio::Trigger::oneshot}) {
        Stage stage;
        ASSERT_NO_FATAL_FAILURE(row.begin(stage));
        if (row.then != nullptr) {
            ASSERT_NO_FATAL_FAILURE(row.then(stage));
        }
        if (row.golden.flags == 0) {
            ASSERT_TRUE(ok(add(stage, row.interest, trigger)));
            stage.loop.expect_none();
            continue;
        }
        // The effects of the step may arrive late, so watch edge-triggered until they have.
        ASSERT_TRUE(ok(add(stage, row.interest, mio::Trigger::edge)));
        ASSERT_NO_FATAL_FAILURE(expect_golden_event(stage.loop, row.golden));
        ASSERT_TRUE(ok(modify(stage, row.interest, trigger)));
        const int reports = trigger == mio::Trigger::level ? 3 : 1;
        for (int round = 0; round < reports; ++round)
            ASSERT_NO_FATAL_FAILURE(expect_golden_event_at_once(stage.loop, row.golden));
        if (trigger == mio::Trigger::oneshot) stage.loop.expect_none();
    }
}

/// Fixture of a test for each row.
template <class Stage> class GoldenTest : public testing::TestWithParam<GoldenRow<Stage>> {
  protected:
    void SetUp() override {
        if (mio::backend() != "epoll") GTEST_SKIP() << "tests epoll flags";
    }
};

inline constexpr auto golden_name = [](const auto& info) { return std::string(info.param.name); };

} // namespace test
