#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <type_traits>
#include <utility>
#include <vector>

#include "support.hpp"

import mio.time;

using namespace test;
using mio::time::Clock;
using mio::time::TimerId;
using mio::time::Timers;
using Time = Clock::time_point;

namespace {

static_assert(std::is_nothrow_move_constructible_v<Timers> && std::is_nothrow_move_assignable_v<Timers>);
static_assert(!std::is_copy_constructible_v<Timers>);
static_assert(std::is_trivially_copyable_v<TimerId> && std::is_nothrow_default_constructible_v<TimerId>);

constexpr Time at(std::int64_t nanoseconds) { return Time(std::chrono::nanoseconds(nanoseconds)); }

std::vector<Token> due(Timers& timers, Time now) {
    std::vector<Token> tokens;
    while (const auto token = timers.pop(now)) tokens.push_back(*token);
    return tokens;
}
using List = std::vector<Token>;

} // namespace

TEST(Timers, PopsTokensInTheOrderOfDeadlinesAndThenOfInsertion) {
    Timers timers(4);
    must(timers.insert(at(5), Token{1}));
    must(timers.insert(at(3), Token{2}));
    must(timers.insert(at(5), Token{1})); // several may have one token
    must(timers.insert(at(3), Token{4}));
    EXPECT_EQ(timers.next(), at(3));
    EXPECT_EQ(timers.pop(at(2)), std::nullopt);
    EXPECT_EQ(due(timers, at(4)), (List{{2}, {4}}));
    EXPECT_EQ(timers.size(), 2U);
    EXPECT_EQ(due(timers, at(5)), (List{{1}, {1}}));
    EXPECT_TRUE(timers.empty());
    EXPECT_EQ(timers.next(), std::nullopt);
}

TEST(Timers, AStaleIdNamesNoTimer) {
    Timers timers(1);
    EXPECT_FALSE(timers.cancel(TimerId()));
    const auto cancelled = must(timers.insert(at(1), Token{1}));
    EXPECT_TRUE(timers.cancel(cancelled));
    EXPECT_FALSE(timers.cancel(cancelled));
    EXPECT_FALSE(timers.cancel(TimerId())) << "it names the place that is free";
    const auto popped = must(timers.insert(at(1), Token{2}));
    EXPECT_EQ(due(timers, at(1)), List{{2}});
    const auto current = must(timers.insert(at(1), Token{3})); // in the place of both
    for (const auto stale : {cancelled, popped, TimerId()}) {
        EXPECT_NE(stale, current);
        EXPECT_FALSE(timers.cancel(stale));
        EXPECT_FALSE(timers.postpone(stale, at(9)));
    }
    EXPECT_EQ(timers.next(), at(1));
    EXPECT_TRUE(timers.cancel(current));
}

TEST(Timers, AnIdOfAnUnusedPlaceNamesNoTimer) {
    Timers large(8), small(1);
    TimerId last;
    for (std::size_t i = 0; i < 8; ++i) last = must(large.insert(at(1), Token{i}));
    must(small.insert(at(1), Token{1}));
    EXPECT_FALSE(small.cancel(last));
    EXPECT_EQ(small.size(), 1U);
}

TEST(Timers, IdsAreUniqueOrderedAndHashable) {
    Timers timers;
    const auto first = must(timers.insert(at(1), Token{1}));
    const auto second = must(timers.insert(at(1), Token{1}));
    EXPECT_EQ(first, TimerId(first));
    EXPECT_TRUE((first <=> second) != 0);
    EXPECT_EQ(std::hash<TimerId>{}(first), std::hash<TimerId>{}(TimerId(first)));
    EXPECT_NE(std::hash<TimerId>{}(first), std::hash<TimerId>{}(second));
}

TEST(Timers, PostponesByIdAndKeepsTheOrderOfInsertion) {
    Timers timers;
    const auto first = must(timers.insert(at(1), Token{1}));
    const auto second = must(timers.insert(at(4), Token{2}));
    EXPECT_TRUE(timers.postpone(first, at(4)));
    EXPECT_EQ(timers.next(), at(4));
    EXPECT_TRUE(timers.postpone(second, at(2)));
    EXPECT_EQ(due(timers, at(2)), List{{2}});
    EXPECT_EQ(due(timers, at(4)), List{{1}});
    EXPECT_FALSE(timers.postpone(first, at(5)));
}

TEST(Timers, AcceptsTheFirstAndTheLastTimePoint) {
    Timers timers;
    must(timers.insert(Time::max(), Token{2}));
    must(timers.insert(Time::min(), Token{1}));
    EXPECT_EQ(due(timers, Time::min()), List{{1}});
    EXPECT_EQ(timers.pop(Time::max() - 1ns), std::nullopt);
    EXPECT_EQ(due(timers, Time::max()), List{{2}});
}

TEST(Timers, MoveWithTheirIds) {
    Timers timers;
    const auto id = must(timers.insert(at(1), Token{1}));
    must(timers.insert(at(2), Token{2}));
    Timers moved(std::move(timers));
    EXPECT_EQ(timers.size(), 0U); // NOLINT(bugprone-use-after-move): documented to be empty
    EXPECT_EQ(timers.next(), std::nullopt);
    EXPECT_FALSE(timers.cancel(id));
    must(timers.insert(at(7), Token{7}));
    EXPECT_TRUE(moved.cancel(id));
    timers = std::move(moved);
    EXPECT_EQ(due(timers, Time::max()), List{{2}});
}

TEST(Timers, UseTheirPlacesAgainAfterAMove) {
    constexpr std::size_t count = 64;
    for (const bool is_assigned : {false, true}) {
        Timers timers(count);
        std::vector<TimerId> ids;
        for (std::size_t i = 0; i < count; ++i) ids.push_back(must(timers.insert(at(9), Token{i})));
        for (std::size_t i = 1; i < count; ++i) ASSERT_TRUE(timers.cancel(ids[i]));
        Timers moved = is_assigned ? Timers() : Timers(std::move(timers));
        if (is_assigned) moved = std::move(timers);
        EXPECT_TRUE(moved.cancel(ids[0]));
        List tokens;
        for (std::size_t i = 0; i < count; ++i) {
            const auto id = must(moved.insert(at(1), Token{i}));
            for (const auto stale : ids) ASSERT_NE(id, stale);
            tokens.push_back(Token{i});
        }
        EXPECT_EQ(moved.capacity(), count);
        for (const auto stale : ids) EXPECT_FALSE(moved.cancel(stale));
        EXPECT_EQ(due(moved, at(1)), tokens);
        // The other one has no places, and takes timers as a new one does.
        EXPECT_EQ(timers.capacity(), 0U); // NOLINT(bugprone-use-after-move)
        const auto id = must(timers.insert(at(2), Token{7}));
        EXPECT_TRUE(timers.cancel(id));
    }
}

TEST(Timers, AgreeWithAMapAfterEachRandomStep) {
    const std::uint64_t seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    using Key = std::pair<std::int64_t, std::uint64_t>; // deadline, order of insertion
    struct Known {
        TimerId id;
        std::optional<Key> key; // of an armed timer
    };
    std::map<Key, std::size_t> model; // index in `known`, which is the token
    std::vector<Known> known;
    std::uint64_t sequence = 0;
    std::int64_t now = 0;
    Timers timers(10);
    const auto ahead = [&] { return now + static_cast<std::int64_t>(random() % 100); };
    for (int i = 0; i < 300'000; ++i) {
        const auto action = random() % 8;
        if (action < 3 || known.empty()) {
            const Key key(ahead(), ++sequence);
            model.emplace(key, known.size());
            known.push_back({must(timers.insert(at(key.first), Token{known.size()})), key});
        } else if (action < 7) {
            // One of the last ones: armed or stale.
            const auto back = random() % std::min<std::size_t>(known.size(), 200);
            auto& [id, key] = known[known.size() - 1 - static_cast<std::size_t>(back)];
            if (action < 5) {
                ASSERT_EQ(timers.cancel(id), key.has_value());
                if (key) model.erase(*key);
                key.reset();
            } else {
                const auto later = ahead();
                ASSERT_EQ(timers.postpone(id, at(later)), key.has_value());
                if (key) {
                    auto node = model.extract(*key);
                    key->first = later;
                    node.key() = *key;
                    model.insert(std::move(node));
                }
            }
        } else {
            now += static_cast<std::int64_t>(random() % 20);
            while (const auto token = timers.pop(at(now))) {
                ASSERT_FALSE(model.empty());
                ASSERT_LE(model.begin()->first.first, now);
                ASSERT_EQ(token->value, model.begin()->second);
                known[token->value].key.reset();
                model.erase(model.begin());
            }
            ASSERT_TRUE(model.empty() || model.begin()->first.first > now);
        }
        ASSERT_EQ(timers.size(), model.size());
        ASSERT_EQ(timers.next(),
                  model.empty() ? std::nullopt : std::optional(at(model.begin()->first.first)));
    }
}
