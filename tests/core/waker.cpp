#include <array>
#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "differences.hpp"
#include "support.hpp"

using namespace test;

static_assert(std::is_nothrow_move_constructible_v<mio::Waker>
              && std::is_nothrow_move_assignable_v<mio::Waker>);
static_assert(!std::is_copy_constructible_v<mio::Waker> && !std::is_copy_assignable_v<mio::Waker>);
static_assert(!std::is_default_constructible_v<mio::Waker>);
static_assert(noexcept(std::declval<const mio::Waker&>().wake()));

namespace {

constexpr Token id{10};

struct WakerTest : testing::Test {
    mio::Waker make(Token token = id) { return must(mio::Waker::create(loop.registry(), token)); }

    /// Polls once and returns the tokens; every event is readable and nothing else.
    std::multiset<Token> poll(std::chrono::nanoseconds timeout = 500ms) {
        return poll_into(loop.events, timeout);
    }
    std::multiset<Token> poll_into(mio::Events& events, std::chrono::nanoseconds timeout = 500ms) {
        EXPECT_TRUE(ok(loop.poll.poll(events, timeout)));
        std::multiset<Token> tokens;
        for (const auto& event : events) {
            EXPECT_EQ(event.readiness(), Readiness::readable) << to_string(event);
            tokens.insert(event.token());
        }
        return tokens;
    }
    /// Expects exactly one event of the waker, then none.
    void expect_one(Token token = id) {
        EXPECT_EQ(poll(), std::multiset{token});
        EXPECT_EQ(poll(20ms), std::multiset<Token>{});
    }

    Loop loop;
};

using Waker = WakerTest;
using Wakers = WakerTest;

} // namespace

TEST_F(Waker, UnusedWakerReportsNothing) {
    const auto waker = make();
    loop.expect_none();
}

TEST_F(Waker, WakeBeforePollEndsTheNextPoll) {
    const auto waker = make();
    ASSERT_TRUE(ok(waker.wake()));
    expect_one();
}

TEST_F(Waker, WakesRepeatedly) {
    const auto waker = make();
    for (int i = 0; i < 100; ++i) {
        ASSERT_TRUE(ok(waker.wake()));
        ASSERT_EQ(poll(), std::multiset{id}) << i;
        ASSERT_EQ(poll(0ns), std::multiset<Token>{}) << i;
    }
}

TEST_F(Waker, WakesBeforeOnePollCoalesce) {
    const auto waker = make();
    for (const int wakes : {2, 3, 1000}) {
        for (int i = 0; i < wakes; ++i) ASSERT_TRUE(ok(waker.wake()));
        expect_one();
    }
}

TEST_F(Waker, WakesFromAnotherThread) {
    const auto waker = make();
    std::thread other([&] { EXPECT_TRUE(ok(waker.wake())); });
    expect_one();
    other.join();
    loop.expect_none();
}

TEST_F(Waker, WakesABlockedPoll) {
    const auto waker = make();
    std::thread other([&] {
        // The poll is most likely blocked by then; the test holds in either case.
        std::this_thread::sleep_for(30ms);
        EXPECT_TRUE(ok(waker.wake()));
    });
    EXPECT_TRUE(ok(loop.poll.poll(loop.events)));
    other.join();
    ASSERT_EQ(loop.events.size(), 1u);
    EXPECT_EQ(loop.events[0].token(), id);
}

TEST_F(Waker, AlternatingThreadsEachWakeOnce) {
    const auto waker = make();
    Barrier turn(2);
    std::thread first([&] { EXPECT_TRUE(ok(waker.wake())); });
    std::thread second([&] {
        turn.arrive_and_wait();
        EXPECT_TRUE(ok(waker.wake()));
    });
    EXPECT_EQ(poll(), std::multiset{id});
    turn.arrive_and_wait();
    EXPECT_EQ(poll(), std::multiset{id});
    loop.expect_none();
    first.join();
    second.join();
}

TEST_F(Waker, WakeIsNotLostWhenASourceIsRegistered) {
    // Mio's poll(2) backend loses the wake in each of these three cases.
    const auto waker = make();
    const auto [here, there] = plain::socket_pair();
    mio::RawSource source(here.fd());
    ASSERT_TRUE(ok(waker.wake()));
    ASSERT_TRUE(ok(loop.registry().add(source, Token{1}, Interest::readable)));
    expect_one();
    ASSERT_TRUE(ok(waker.wake()));
    ASSERT_TRUE(ok(loop.registry().modify(source, Token{1}, Interest::readable)));
    expect_one();
    ASSERT_TRUE(ok(waker.wake()));
    ASSERT_TRUE(ok(loop.registry().remove(source)));
    expect_one();
    // Creating or destroying another waker does not lose it either.
    ASSERT_TRUE(ok(waker.wake()));
    {
        const auto other = make(Token{2});
        expect_one();
        ASSERT_TRUE(ok(waker.wake()));
    }
    expect_one();
}

TEST_F(Waker, WakeIsNotLostBehindOtherEvents) {
    const auto waker = make();
    const auto [here, there] = plain::socket_pair();
    mio::RawSource source(here.fd());
    ASSERT_TRUE(ok(loop.registry().add(source, Token{1}, Interest::readable, mio::Trigger::level)));
    plain::write_all(there, "x");
    ASSERT_TRUE(ok(waker.wake()));
    // Capacity one and a source that is always ready: the wake is reported after a few polls.
    mio::Events one(1);
    std::multiset<Token> seen;
    for (int i = 0; i < 4; ++i) seen.merge(poll_into(one));
    EXPECT_EQ(seen.count(id), 1u);
    // A second wake after the report is reported again.
    ASSERT_TRUE(ok(waker.wake()));
    for (int i = 0; i < 4; ++i) seen.merge(poll_into(one));
    EXPECT_EQ(seen.count(id), 2u);
}

TEST_F(Waker, WakeIsNotLostWhenPollFails) {
    const auto waker = make();
    ASSERT_TRUE(ok(waker.wake()));
    mio::Events none(0);
    EXPECT_TRUE(fails_with(loop.poll.poll(none, 0ns), mio::Errc::no_capacity));
    expect_one();
}

TEST_F(Waker, CanBeCreatedFromAClonedRegistry) {
    std::optional<mio::Waker> waker;
    {
        const auto clone = must(loop.registry().try_clone());
        waker = must(mio::Waker::create(clone, id));
    }
    ASSERT_TRUE(ok(waker->wake()));
    expect_one();
}

TEST_F(Waker, CanBeCreatedByAnotherThreadDuringPoll) {
    std::optional<mio::Waker> waker;
    std::thread other([&] {
        std::this_thread::sleep_for(20ms);
        waker = make();
        EXPECT_TRUE(ok(waker->wake()));
    });
    EXPECT_TRUE(ok(loop.poll.poll(loop.events)));
    other.join();
    ASSERT_EQ(loop.events.size(), 1u);
    EXPECT_EQ(loop.events[0].token(), id);
}

TEST_F(Waker, WakeAfterThePollIsDestroyedSucceeds) {
    DescriptorGuard guard;
    {
        std::optional<Loop> gone;
        gone.emplace();
        const auto waker = must(mio::Waker::create(gone->registry(), id));
        const auto used = must(mio::Waker::create(gone->registry(), Token{2}));
        ASSERT_TRUE(ok(used.wake()));
        gone.reset();
        for (int i = 0; i < 3; ++i) {
            EXPECT_TRUE(ok(waker.wake()));
            EXPECT_TRUE(ok(used.wake()));
        }
    }
}

TEST_F(Waker, CanBeDestroyedWithAWakePending) {
    const auto other = make(Token{2});
    {
        const auto waker = make();
        ASSERT_TRUE(ok(waker.wake()));
    }
    // Whether the pending event is still delivered depends on the backend; no other event may arrive.
    for (const auto token : poll(20ms)) EXPECT_EQ(token, id);
    ASSERT_TRUE(ok(other.wake()));
    expect_one(Token{2});
    // A new waker may reuse the token and starts without pending wakes.
    const auto successor = make();
    EXPECT_EQ(poll(20ms), std::multiset<Token>{});
    ASSERT_TRUE(ok(successor.wake()));
    expect_one();
}

TEST_F(Waker, KeepsItsTokenWhenMoved) {
    auto waker = make();
    ASSERT_TRUE(ok(waker.wake()));
    mio::Waker moved(std::move(waker));
    expect_one();
    ASSERT_TRUE(ok(moved.wake()));
    expect_one();
    auto other = make(Token{2});
    ASSERT_TRUE(ok(other.wake()));
    moved = std::move(other);
    expect_one(Token{2});
    ASSERT_TRUE(ok(moved.wake()));
    expect_one(Token{2});
    // A moved-from waker can be assigned to.
    waker = make(Token{3});
    ASSERT_TRUE(ok(waker.wake()));
    expect_one(Token{3});
}

TEST_F(Waker, CanShareATokenWithASource) {
    const auto waker = make();
    const auto [here, there] = plain::socket_pair();
    mio::RawSource source(here.fd());
    ASSERT_TRUE(ok(loop.registry().add(source, id, Interest::readable)));
    ASSERT_TRUE(ok(waker.wake()));
    plain::write_all(there, "x");
    EXPECT_EQ(poll(), (std::multiset{id, id}));
    if (!differences.reports_data_behind_data_left_unread) return;
    // First the source alone, whose event a backend might mistake for the waker's; then the waker.
    plain::write_all(there, "x");
    EXPECT_EQ(poll(), std::multiset{id});
    ASSERT_TRUE(ok(waker.wake()));
    expect_one();
    // Capacity one, in either order: neither event is lost, and a wake after either still works.
    mio::Events one(1);
    for (int round = 0; round < 10; ++round) {
        plain::write_all(there, "x");
        ASSERT_TRUE(ok(waker.wake()));
        EXPECT_EQ(poll_into(one), std::multiset{id});
        ASSERT_TRUE(ok(waker.wake()));
        EXPECT_EQ(poll_into(one), std::multiset{id});
        // If the waker was reported first, it has one more event.
        const auto more = poll_into(one, 0ns);
        EXPECT_LE(more.size(), 1u);
        EXPECT_EQ(poll_into(one, 0ns), std::multiset<Token>{}) << "round " << round;
    }
}

TEST_F(Wakers, EachReportsItsOwnToken) {
    std::vector<mio::Waker> wakers;
    for (std::size_t i = 0; i < 8; ++i) wakers.push_back(make(Token{i}));
    for (std::size_t i = 0; i < 8; ++i) {
        ASSERT_TRUE(ok(wakers[i].wake()));
        expect_one(Token{i});
    }
    // Wake all, some of them twice.
    std::multiset<Token> all;
    for (std::size_t i = 0; i < 8; ++i) {
        ASSERT_TRUE(ok(wakers[i].wake()));
        if (i % 2 == 0) {
            ASSERT_TRUE(ok(wakers[i].wake()));
        }
        all.insert(Token{i});
    }
    EXPECT_EQ(poll(), all);
    EXPECT_EQ(poll(20ms), std::multiset<Token>{});
}

TEST_F(Wakers, CanBeCreatedFromTwoClonedRegistries) {
    const auto clone = must(loop.registry().try_clone());
    const auto again = must(clone.try_clone());
    const auto one = must(mio::Waker::create(clone, Token{1}));
    const auto other = must(mio::Waker::create(again, Token{2}));
    ASSERT_TRUE(ok(other.wake()));
    expect_one(Token{2});
    ASSERT_TRUE(ok(one.wake()));
    expect_one(Token{1});
}

TEST_F(Wakers, CanShareAToken) {
    const auto one = make();
    const auto other = make();
    ASSERT_TRUE(ok(one.wake()));
    ASSERT_TRUE(ok(other.wake()));
    EXPECT_EQ(poll(), (std::multiset{id, id}));
    EXPECT_EQ(poll(20ms), std::multiset<Token>{});
    ASSERT_TRUE(ok(other.wake()));
    expect_one();
    ASSERT_TRUE(ok(one.wake()));
    expect_one();
}

TEST_F(Wakers, EachIsReportedOnceDespiteSmallCapacity) {
    std::vector<mio::Waker> wakers;
    for (std::size_t i = 0; i < 5; ++i) wakers.push_back(make(Token{i}));
    mio::Events one(1);
    for (int round = 0; round < 3; ++round) {
        for (const auto& waker : wakers) ASSERT_TRUE(ok(waker.wake()));
        std::multiset<Token> seen;
        for (std::size_t i = 0; i < 5; ++i) {
            auto tokens = poll_into(one);
            ASSERT_EQ(tokens.size(), 1u);
            const auto reported = *tokens.begin();
            seen.merge(tokens);
            // Further wakes of wakers that are still pending coalesce.
            for (std::size_t j = 0; j < 5; ++j) {
                if (!seen.contains(Token{j})) {
                    ASSERT_NE(Token{j}, reported);
                    ASSERT_TRUE(ok(wakers[j].wake()));
                }
            }
        }
        for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(seen.count(Token{i}), 1u);
        EXPECT_EQ(poll_into(one, 20ms), std::multiset<Token>{});
    }
}

TEST_F(Wakers, DoNotWakeAnotherPoll) {
    Loop other;
    const auto here = make(Token{1});
    const auto there = must(mio::Waker::create(other.registry(), Token{1}));
    ASSERT_TRUE(ok(there.wake()));
    loop.expect_none();
    other.expect({{Token{1}, Interest::readable}});
}

TEST_F(Wakers, CanBeDestroyedInAnyOrder) {
    // The first, middle and last of three wakers, with wakes pending.
    for (std::size_t gone = 0; gone < 3; ++gone) {
        std::array<std::optional<mio::Waker>, 3> wakers;
        for (std::size_t i = 0; i < 3; ++i) {
            wakers[i] = make(Token{i});
            ASSERT_TRUE(ok(wakers[i]->wake()));
        }
        wakers[gone].reset();
        auto seen = poll(20ms);
        seen.erase(Token{gone}); // delivery of its pending event depends on the backend
        EXPECT_EQ(seen.size(), 2u);
        for (std::size_t i = 0; i < 3; ++i) {
            if (i == gone) continue;
            ASSERT_TRUE(ok(wakers[i]->wake()));
            EXPECT_EQ(poll(), std::multiset{Token{i}});
        }
    }
}
