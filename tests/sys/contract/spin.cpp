// Spins: what a selector that is looked at again and again makes of wakes.
#include <atomic>
#include <cstddef>
#include <set>
#include <thread>

#include "contract.hpp"

using namespace test;

namespace {

/// What `Poll` does at the end of a spin that a wake ended.
std::multiset<Token> reported_after_spin(Backend& selector, mio::Events& events) {
    events.clear();
    selector.end_spin(events);
    if (events.empty()) EXPECT_TRUE(ok(selector.select(events, 500ms)));
    std::multiset<Token> tokens;
    for (const auto& event : events) tokens.insert(event.token());
    return tokens;
}

} // namespace

TEST_F(Contract, WakesDuringASpinAreOneReadableEvent) {
    Waker waker(selector, id1, must(Waker::open(selector, id1)));
    for (int round = 0; round < 3; ++round) {
        selector.begin_spin();
        EXPECT_FALSE(selector.has_wake_pending());
        for (int i = 0; i < 3; ++i) ASSERT_TRUE(ok(waker.wake()));
        EXPECT_EQ(reported_after_spin(selector, events), std::multiset{id1});
        EXPECT_EQ(events[0].readiness(), Readiness::readable);
        expect_nothing();
        ASSERT_TRUE(ok(waker.wake())); // and one after it
        EXPECT_EQ(select(), std::multiset{id1});
        expect_nothing();
    }
}

TEST_F(Contract, WakesDuringASpinThatFindNoRoomComeNext) {
    Waker first(selector, id1, must(Waker::open(selector, id1)));
    Waker second(selector, id2, must(Waker::open(selector, id2)));
    mio::Events one(1, Backend::record_size);
    selector.begin_spin();
    ASSERT_TRUE(ok(first.wake()));
    ASSERT_TRUE(ok(second.wake()));
    auto seen = reported_after_spin(selector, one);
    seen.merge(select_into(one));
    EXPECT_EQ(seen, (std::multiset{id1, id2}));
    expect_nothing();
    ASSERT_TRUE(ok(first.wake()));
    ASSERT_TRUE(ok(second.wake()));
    EXPECT_EQ(select(), (std::multiset{id1, id2}));
}

TEST_F(Contract, AWakerThatIsDestroyedDuringASpinIsNotTouched) {
    selector.begin_spin();
    {
        Waker waker(selector, id1, must(Waker::open(selector, id1)));
        ASSERT_TRUE(ok(waker.wake()));
    }
    events.clear();
    selector.end_spin(events);
    EXPECT_LE(select(0ns).size(), 1u); // some kernels still tell of it
    expect_nothing();
}

TEST_F(Contract, NoWakeIsLostAtTheEndsOfSpins) {
    constexpr std::size_t rounds = 20'000;
    Waker waker(selector, id1, must(Waker::open(selector, id1)));
    std::atomic<std::size_t> asked = 0;
    std::atomic<bool> is_over = false;
    std::thread other([&] {
        for (std::size_t woken = 0; !is_over;) {
            if (asked.load() == woken) continue;
            ++woken;
            EXPECT_TRUE(ok(waker.wake()));
        }
    });
    for (std::size_t round = 0; round < rounds; ++round) {
        asked.fetch_add(1);
        selector.begin_spin();
        for (std::size_t looks = 0; looks < round % 64 && !selector.has_wake_pending(); ++looks) {
        }
        // Exactly one event for each wake: were one lost, this would be empty; were one told twice, the next round's.
        ASSERT_EQ(reported_after_spin(selector, events), std::multiset{id1}) << "in round " << round;
    }
    is_over = true;
    other.join();
    expect_nothing();
}
