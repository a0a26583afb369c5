// What every backend owes to Poll, tried on each that can be built here. A new backend is one line in
// `Backends`.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "support.hpp"

using namespace test;
using mio::Errc;
using mio::Trigger;

namespace {

using Backends = testing::Types<mio::sys::epoll::Selector>;

constexpr Token id1{1}, id2{2}, id3{3};

/// One end of a TCP connection, to be watched, and the other. Sockets, since some backends watch nothing
/// else.
struct Connection {
    Connection() {
        const auto listener = plain::listen(local_v4());
        there = plain::connect(plain::address_of(listener));
        here = plain::accept(listener);
        here.set_non_blocking();
    }
    void speak() const { plain::write_all(there, "x"); }
    void hear() const { EXPECT_EQ(plain::read_exactly(here, 1), "x"); }

    plain::Socket here{-1};
    plain::Socket there{-1};
};

template <class S> class Contract : public testing::Test {
  protected:
    using Waker = typename S::Waker;

    std::uint64_t add(const Connection& c, Token token, Interest interest, Trigger trigger = Trigger::edge) {
        const auto state = selector.add(c.here.fd(), token, interest, trigger);
        EXPECT_TRUE(ok(state));
        return state.value_or(0);
    }
    /// The tokens of one select.
    std::multiset<Token> select(std::optional<std::chrono::nanoseconds> timeout = 500ms) {
        return select_into(events, timeout);
    }
    std::multiset<Token> select_into(mio::Events& room,
                                     std::optional<std::chrono::nanoseconds> timeout = 500ms) {
        EXPECT_TRUE(ok(selector.select(room, timeout)));
        std::multiset<Token> tokens;
        for (const auto& event : room) tokens.insert(event.token());
        return tokens;
    }
    void expect_nothing() { EXPECT_EQ(select(20ms), std::multiset<Token>{}); }

    S selector{must(S::open())};
    mio::Events events{16, S::record_size};
};

} // namespace

TYPED_TEST_SUITE(Contract, Backends);

TYPED_TEST(Contract, IsModelled) {
    static_assert(mio::sys::SelectorBackend<TypeParam>);
    static_assert(!std::is_move_constructible_v<TypeParam> && !std::is_copy_constructible_v<TypeParam>);
    static_assert(!TypeParam::name.empty() && TypeParam::record_size > 0);
}

TYPED_TEST(Contract, SelectWaitsNoLessThanItsTimeout) {
    for (const auto timeout : {1ns, 200'000ns, 1'000'001ns, 20'000'000ns}) {
        const auto took = time_of([&] { EXPECT_EQ(this->select(timeout), std::multiset<Token>{}); });
        EXPECT_GE(took, timeout);
    }
    EXPECT_LT(time_of([&] { this->select(0ns); }), generous_margin);
    EXPECT_LT(time_of([&] { this->select(-1s); }), generous_margin);
}

TYPED_TEST(Contract, SelectForgetsEarlierEvents) {
    const Connection c;
    this->add(c, id1, Interest::writable);
    EXPECT_EQ(this->select(), std::multiset{id1});
    EXPECT_EQ(this->select(0ns), std::multiset<Token>{});
}

TYPED_TEST(Contract, SelectRespectsTheCapacityAndGivesEverySourceItsTurn) {
    const std::vector<Connection> connections(3);
    for (std::size_t i = 0; i < 3; ++i) {
        this->add(connections[i], Token{i}, Interest::writable, Trigger::level);
    }
    mio::Events one(1, TypeParam::record_size);
    std::set<Token> seen;
    for (int i = 0; i < 6; ++i) {
        EXPECT_EQ(this->select_into(one).size(), 1u);
        seen.insert(one[0].token());
    }
    EXPECT_EQ(seen.size(), 3u);
}

TYPED_TEST(Contract, AddGivesAStateThatItOwnsAndOthersDoNot) {
    TypeParam other(must(TypeParam::open()));
    const Connection c;
    const auto state = this->add(c, id1, Interest::readable);
    EXPECT_NE(state, 0u);
    EXPECT_TRUE(this->selector.owns(state));
    EXPECT_FALSE(other.owns(state));
    EXPECT_FALSE(this->selector.owns(0));
    EXPECT_TRUE(ok(this->selector.remove(c.here.fd(), state)));
}

TYPED_TEST(Contract, AddReportsWhatHoldsAlready) {
    const Connection c;
    c.speak();
    plain::await_readable(c.here);
    this->add(c, id1, Interest::readable);
    EXPECT_EQ(this->select(), std::multiset{id1});
    EXPECT_TRUE(this->events[0].is_readable());
    EXPECT_FALSE(this->events[0].is_writable());
}

TYPED_TEST(Contract, AddAndModifyTakeEffectInASelectUnderWay) {
    const Connection c;
    std::atomic<std::uint64_t> state = 0;
    std::thread adding([&] {
        std::this_thread::sleep_for(20ms);
        state = this->add(c, id1, Interest::writable);
    });
    EXPECT_EQ(this->select(std::nullopt), std::multiset{id1});
    adding.join();
    std::thread modifying([&] {
        std::this_thread::sleep_for(20ms);
        EXPECT_TRUE(ok(this->selector.modify(c.here.fd(), state, id2, Interest::writable, Trigger::edge)));
    });
    EXPECT_EQ(this->select(std::nullopt), std::multiset{id2});
    modifying.join();
}

TYPED_TEST(Contract, ModifyReplacesAndReportsAgain) {
    const Connection c;
    const auto state = this->add(c, id1, Interest::writable);
    EXPECT_EQ(this->select(), std::multiset{id1});
    this->expect_nothing();
    ASSERT_TRUE(ok(this->selector.modify(c.here.fd(), state, id2, Interest::writable, Trigger::edge)));
    EXPECT_EQ(this->select(), std::multiset{id2});
    ASSERT_TRUE(ok(this->selector.modify(c.here.fd(), state, id3, Interest::readable, Trigger::edge)));
    this->expect_nothing();
    c.speak();
    EXPECT_EQ(this->select(), std::multiset{id3});
}

TYPED_TEST(Contract, RemoveIsFinalEvenIfTheSourceIsReady) {
    const Connection c;
    const Connection d;
    const auto state = this->add(c, id1, Interest::readable);
    this->add(d, id2, Interest::readable);
    EXPECT_EQ(this->select(0ns), std::multiset<Token>{});
    c.speak();
    plain::await_readable(c.here);
    ASSERT_TRUE(ok(this->selector.remove(c.here.fd(), state)));
    d.speak();
    EXPECT_EQ(this->select(), std::multiset{id2});
    this->expect_nothing();
    // And may be undone.
    this->add(c, id3, Interest::readable);
    EXPECT_EQ(this->select(), std::multiset{id3});
}

TYPED_TEST(Contract, AnInterestThatCannotBeWatchedIsUnsupported) {
    if (TypeParam::name == "kqueue") GTEST_SKIP() << "some kqueues have it";
    const Connection c;
    EXPECT_TRUE(
        fails_with(this->selector.add(c.here.fd(), id1, Interest::lio, Trigger::edge), Errc::unsupported));
    const auto state = this->add(c, id1, Interest::readable);
    EXPECT_TRUE(fails_with(
        this->selector.modify(c.here.fd(), state, id2, Interest::aio | Interest::readable, Trigger::level),
        Errc::unsupported));
    // The failed call changed nothing.
    c.speak();
    EXPECT_EQ(this->select(), std::multiset{id1});
    this->expect_nothing();
}

TYPED_TEST(Contract, EdgesAreReportedOnceAndAgainAfterTheSourceWasDrained) {
    const Connection c;
    const auto state = this->add(c, id1, Interest::readable);
    for (int i = 0; i < 3; ++i) {
        c.speak();
        EXPECT_EQ(this->select(), std::multiset{id1});
        this->expect_nothing();
        c.hear();
        EXPECT_TRUE(ok(TypeParam::rearm(state, Interest::readable))); // as after a read that would block
        this->expect_nothing();
    }
}

TYPED_TEST(Contract, RearmingOneDirectionSaysNothingAboutTheOther) {
    const Connection c;
    const auto state = this->add(c, id1, read_write);
    EXPECT_EQ(this->select(), std::multiset{id1});
    EXPECT_TRUE(ok(TypeParam::rearm(state, Interest::readable)));
    this->expect_nothing();
}

TYPED_TEST(Contract, LevelsAreReportedAsLongAsTheyHold) {
    const Connection c;
    this->add(c, id1, Interest::readable, Trigger::level);
    this->expect_nothing();
    c.speak();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(this->select(), std::multiset{id1});
    c.hear();
    this->expect_nothing();
}

TYPED_TEST(Contract, OneshotsAreReportedOnceUntilModified) {
    const Connection c;
    const auto state = this->add(c, id1, Interest::readable, Trigger::oneshot);
    c.speak();
    EXPECT_EQ(this->select(), std::multiset{id1});
    c.hear();
    EXPECT_TRUE(ok(TypeParam::rearm(state, Interest::readable))); // is not a modify
    c.speak();
    this->expect_nothing();
    ASSERT_TRUE(ok(this->selector.modify(c.here.fd(), state, id2, Interest::readable, Trigger::oneshot)));
    EXPECT_EQ(this->select(), std::multiset{id2});
    this->expect_nothing();
}

TYPED_TEST(Contract, AForgottenSourceIsNotReported) {
    Connection c;
    const auto state = this->add(c, id1, read_write);
    TypeParam::forget(state);
    c.here.close();
    this->expect_nothing();
}

TYPED_TEST(Contract, EventsAreDescribedAndSayWhatHappened) {
    Connection c;
    this->add(c, id1, read_write);
    ASSERT_EQ(this->select(), std::multiset{id1});
    EXPECT_TRUE(this->events[0].is_writable());
    EXPECT_FALSE(TypeParam::describe(this->events[0]).empty());
    c.there.close();
    ASSERT_EQ(this->select(), std::multiset{id1});
    EXPECT_TRUE(this->events[0].is_readable());
    EXPECT_FALSE(TypeParam::describe(this->events[0]).empty());
}

TYPED_TEST(Contract, WakesBeforeOneSelectAreOneReadableEvent) {
    typename TypeParam::Waker waker(this->selector, id1, must(TypeParam::Waker::open(this->selector, id1)));
    this->expect_nothing();
    for (const int wakes : {1, 2, 10}) {
        for (int i = 0; i < wakes; ++i) ASSERT_TRUE(ok(waker.wake()));
        EXPECT_EQ(this->select(), std::multiset{id1});
        EXPECT_EQ(this->events[0].readiness(), Readiness::readable);
        this->expect_nothing();
    }
}

TYPED_TEST(Contract, WakesEndASelectUnderWay) {
    typename TypeParam::Waker waker(this->selector, id1, must(TypeParam::Waker::open(this->selector, id1)));
    for (int i = 0; i < 5; ++i) {
        std::thread other([&] {
            std::this_thread::sleep_for(5ms);
            EXPECT_TRUE(ok(waker.wake()));
        });
        EXPECT_EQ(this->select(std::nullopt), std::multiset{id1});
        other.join();
    }
}

TYPED_TEST(Contract, WakersAreIndependent) {
    using Waker = typename TypeParam::Waker;
    Waker first(this->selector, id1, must(Waker::open(this->selector, id1)));
    {
        Waker second(this->selector, id2, must(Waker::open(this->selector, id2)));
        ASSERT_TRUE(ok(first.wake()));
        ASSERT_TRUE(ok(second.wake()));
        EXPECT_EQ(this->select(), (std::multiset{id1, id2}));
        ASSERT_TRUE(ok(first.wake()));
        EXPECT_EQ(this->select(), std::multiset{id1});
    }
    ASSERT_TRUE(ok(first.wake()));
    EXPECT_EQ(this->select(), std::multiset{id1});
    this->expect_nothing();
}

TYPED_TEST(Contract, WakesAreNotLostToWhateverIsRegisteredInBetween) {
    typename TypeParam::Waker waker(this->selector, id1, must(TypeParam::Waker::open(this->selector, id1)));
    const Connection c;
    ASSERT_TRUE(ok(waker.wake()));
    const auto state = this->add(c, id2, Interest::readable);
    EXPECT_EQ(this->select(), std::multiset{id1});
    ASSERT_TRUE(ok(waker.wake()));
    ASSERT_TRUE(ok(this->selector.modify(c.here.fd(), state, id3, Interest::readable, Trigger::level)));
    EXPECT_EQ(this->select(), std::multiset{id1});
    ASSERT_TRUE(ok(waker.wake()));
    ASSERT_TRUE(ok(this->selector.remove(c.here.fd(), state)));
    EXPECT_EQ(this->select(), std::multiset{id1});
}

TYPED_TEST(Contract, WakersThatDoNotFitStayPending) {
    using Waker = typename TypeParam::Waker;
    Waker first(this->selector, id1, must(Waker::open(this->selector, id1)));
    Waker second(this->selector, id2, must(Waker::open(this->selector, id2)));
    mio::Events one(1, TypeParam::record_size);
    for (int round = 0; round < 3; ++round) {
        ASSERT_TRUE(ok(first.wake()));
        ASSERT_TRUE(ok(second.wake()));
        auto seen = this->select_into(one);
        ASSERT_EQ(seen.size(), 1u);
        ASSERT_TRUE(ok(seen.contains(id1) ? second.wake() : first.wake())); // still pending: the same event
        seen.merge(this->select_into(one));
        EXPECT_EQ(seen, (std::multiset{id1, id2}));
        this->expect_nothing();
    }
}
