// The explorer on programs whose outcomes the standard and the literature know.
#include <gtest/gtest.h>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "explorer.hpp"

using namespace model;

namespace {

constexpr auto relaxed = Order::relaxed, acquire = Order::acquire, release = Order::release,
               acq_rel = Order::acq_rel, seq_cst = Order::seq_cst;

/// Threads that store constants and keep what they load in `shared`.
class Litmus {
  public:
    Litmus(std::size_t locations, std::size_t threads) {
        for (std::size_t l = 0; l < locations; ++l) static_cast<void>(model_.atomic("x" + std::to_string(l)));
        for (std::size_t t = 0; t < threads; ++t) model_.threads.push_back({"T" + std::to_string(t), {}, {}});
    }

    Litmus& store(std::size_t t, Location l, Value value, Order order) {
        program(t).store("store", l, order, value);
        return *this;
    }
    Litmus& exchange(std::size_t t, Location l, Value value, Order order) {
        program(t).exchange("exchange", l, order, value);
        return *this;
    }
    Litmus& add(std::size_t t, Location l, Order order, std::size_t result) {
        program(t).update("add", l, order, [result](Context& c, Value old) {
            c.shared[result] = old;
            return static_cast<Value>(old + 1);
        });
        return *this;
    }
    Litmus& load(std::size_t t, Location l, Order order, std::size_t result) {
        const auto value = program(t).variable();
        program(t).load("load", l, order, value);
        program(t).compute([=](Context& c) { c.shared[result] = c.local[value]; });
        return *this;
    }
    Program& program(std::size_t t) { return model_.threads[t].program; }

    /// Whether an execution ends with these results.
    [[nodiscard]] bool can_end_with(std::vector<Value> results) {
        model_.check_end = [results](const Variables& shared) -> std::optional<std::string> {
            for (std::size_t i = 0; i < results.size(); ++i) {
                if (shared[i] != results[i]) return std::nullopt;
            }
            return "found";
        };
        return !explore(model_).counterexample.empty();
    }
    [[nodiscard]] bool has_race() {
        model_.check_end = {};
        return explore(model_).counterexample.starts_with("data race");
    }

  private:
    Model model_;
};

Litmus store_buffering(Order order) {
    Litmus litmus(2, 2);
    litmus.store(0, 0, 1, order).load(0, 1, order == release ? acquire : order, 0);
    litmus.store(1, 1, 1, order).load(1, 0, order == release ? acquire : order, 1);
    return litmus;
}

Litmus message_passing(Order write, Order read) {
    Litmus litmus(2, 2);
    litmus.store(0, 0, 1, relaxed).store(0, 1, 1, write);
    litmus.load(1, 1, read, 0).load(1, 0, relaxed, 1);
    return litmus;
}

Litmus independent_reads(Order order) {
    Litmus litmus(2, 4);
    const auto read = order == release ? acquire : order;
    litmus.store(0, 0, 1, order).store(1, 1, 1, order);
    litmus.load(2, 0, read, 0).load(2, 1, read, 1);
    litmus.load(3, 1, read, 2).load(3, 0, read, 3);
    return litmus;
}

// T0 releases x1 = 1, T1 writes over it, and T2 reads what T1 wrote.
Litmus release_sequence(bool is_update) {
    Litmus litmus(2, 3);
    litmus.store(0, 0, 1, relaxed).store(0, 1, 1, release);
    litmus.load(1, 1, relaxed, 0);
    if (is_update) {
        litmus.exchange(1, 1, 2, relaxed);
    } else {
        litmus.store(1, 1, 2, relaxed);
    }
    litmus.load(2, 1, acquire, 1).load(2, 0, relaxed, 2);
    return litmus;
}

} // namespace

TEST(StoreBuffering, IsAllowedUnlessAllAccessesAreSeqCst) {
    EXPECT_TRUE(store_buffering(relaxed).can_end_with({0, 0}));
    EXPECT_TRUE(store_buffering(release).can_end_with({0, 0}));
    EXPECT_FALSE(store_buffering(seq_cst).can_end_with({0, 0}));
    EXPECT_TRUE(store_buffering(seq_cst).can_end_with({1, 1}));
    EXPECT_TRUE(store_buffering(seq_cst).can_end_with({0, 1}));
}

TEST(MessagePassing, NeedsReleaseAndAcquire) {
    EXPECT_TRUE(message_passing(relaxed, relaxed).can_end_with({1, 0}));
    EXPECT_TRUE(message_passing(release, relaxed).can_end_with({1, 0}));
    EXPECT_TRUE(message_passing(relaxed, acquire).can_end_with({1, 0}));
    EXPECT_FALSE(message_passing(release, acquire).can_end_with({1, 0}));
    EXPECT_FALSE(message_passing(seq_cst, seq_cst).can_end_with({1, 0}));
}

TEST(IndependentReads, MayDisagreeUnlessSeqCst) {
    EXPECT_TRUE(independent_reads(release).can_end_with({1, 0, 1, 0}));
    EXPECT_FALSE(independent_reads(seq_cst).can_end_with({1, 0, 1, 0}));
}

TEST(ReleaseSequence, IsContinuedByAnUpdateOnly) {
    EXPECT_FALSE(release_sequence(true).can_end_with({1, 2, 0}));
    EXPECT_TRUE(release_sequence(false).can_end_with({1, 2, 0}));
}

TEST(Coherence, ReadsOfOneLocationNeverGoBack) {
    Litmus litmus(1, 2);
    litmus.store(0, 0, 1, relaxed).store(0, 0, 2, relaxed);
    litmus.load(1, 0, relaxed, 0).load(1, 0, relaxed, 1);
    EXPECT_FALSE(litmus.can_end_with({2, 1}));
    EXPECT_TRUE(litmus.can_end_with({0, 2}));
}

// Both threads write both locations, and each location ends with the first write of its thread.
TEST(Coherence, WritesMayBeOrderedAgainstTheOrderOfExecution) {
    Litmus litmus(2, 4);
    litmus.store(0, 0, 1, relaxed).store(0, 1, 2, relaxed);
    litmus.store(1, 1, 1, relaxed).store(1, 0, 2, relaxed);
    litmus.load(2, 0, relaxed, 0).load(2, 0, relaxed, 1);
    litmus.load(3, 1, relaxed, 2).load(3, 1, relaxed, 3);
    EXPECT_TRUE(litmus.can_end_with({2, 1, 2, 1}));
}

TEST(Updates, NeverReadTheSameMessage) {
    Litmus litmus(1, 3);
    litmus.add(0, 0, relaxed, 0).add(1, 0, relaxed, 1).add(2, 0, relaxed, 2);
    EXPECT_FALSE(litmus.can_end_with({0, 0}));
    EXPECT_TRUE(litmus.can_end_with({2, 0, 1}));
}

// Two updates of different locations, each followed by a load of the other: acq_rel is not enough here either.
TEST(Updates, OrderStoreBufferingOnlyIfSeqCst) {
    for (const auto order : {acq_rel, seq_cst}) {
        Litmus litmus(2, 2);
        litmus.exchange(0, 0, 1, order).load(0, 1, order == acq_rel ? acquire : order, 0);
        litmus.exchange(1, 1, 1, order).load(1, 0, order == acq_rel ? acquire : order, 1);
        EXPECT_EQ(litmus.can_end_with({0, 0}), order == acq_rel);
    }
}

// A value read by a relaxed access orders nothing, not even seq_cst operations.
TEST(SeqCst, IsNotOrderedByRelaxedAccesses) {
    Litmus litmus(2, 2);
    litmus.store(0, 0, 1, seq_cst).store(0, 1, 1, relaxed);
    litmus.load(1, 1, relaxed, 0).load(1, 0, seq_cst, 1);
    EXPECT_TRUE(litmus.can_end_with({1, 0}));
}

TEST(LoadBuffering, IsNotExplored) {
    Litmus litmus(2, 2);
    litmus.load(0, 0, relaxed, 0).store(0, 1, 1, relaxed);
    litmus.load(1, 1, relaxed, 1).store(1, 0, 1, relaxed);
    EXPECT_FALSE(litmus.can_end_with({1, 1}));
}

TEST(PlainAccesses, RaceUnlessOrdered) {
    for (const auto order : {relaxed, release}) {
        Litmus litmus(2, 2);
        const auto write = [](Context&, Value) { return Value{1}; };
        litmus.program(0).plain("plain", 0, write);
        litmus.store(0, 1, 1, order);
        litmus.load(1, 1, acquire, 0);
        litmus.program(1).when([](const Context& c) { return c.shared[0] == 1; },
                               [&] { litmus.program(1).plain("plain", 0, write); });
        EXPECT_EQ(litmus.has_race(), order == relaxed);
    }
}

TEST(Mutex, OrdersWhatIsDoneUnderIt) {
    for (const bool is_locked : {false, true}) {
        Litmus litmus(1, 2);
        for (std::size_t t = 0; t < 2; ++t) {
            if (is_locked) litmus.program(t).lock("lock", 0, 8);
            litmus.program(t).plain("plain", 0,
                                    [](Context&, Value old) { return static_cast<Value>(old + 1); });
            if (is_locked) litmus.program(t).unlock("unlock", 0, 8);
        }
        EXPECT_EQ(litmus.has_race(), !is_locked);
    }
}

// T0 and T1 are ordered by a mutex, or by a message: the seq_cst operations before and behind it, too.
TEST(SeqCst, IsOrderedByWhatStronglyHappensBefore) {
    Litmus litmus(3, 3);
    litmus.store(0, 0, 1, seq_cst).store(0, 2, 1, release);
    litmus.load(1, 2, acquire, 0).load(1, 1, seq_cst, 1);
    litmus.store(2, 1, 1, seq_cst).load(2, 0, seq_cst, 2);
    EXPECT_FALSE(litmus.can_end_with({1, 0, 0}));
    EXPECT_TRUE(litmus.can_end_with({0, 0, 0}));
}
