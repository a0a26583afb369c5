// Waiting: timeouts and capacity.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "contract.hpp"

using namespace test;

TEST_F(Contract, SelectNeverReturnsBeforeItsTimeout) {
    for (const auto timeout : {1ns, 200'000ns, 1'000'001ns, 20'000'000ns}) {
        const auto took = time_of([&] { EXPECT_EQ(select(timeout), std::multiset<Token>{}); });
        EXPECT_GE(took, timeout);
    }
    EXPECT_LT(time_of([&] { select(0ns); }), generous_margin);
    EXPECT_LT(time_of([&] { select(-1s); }), generous_margin);
}

TEST_F(Contract, SelectClearsEarlierEvents) {
    const Connection c;
    add(c, id1, Interest::writable);
    EXPECT_EQ(select(), std::multiset{id1});
    EXPECT_EQ(select(0ns), std::multiset<Token>{});
}

TEST_F(Contract, SelectFailsWithZeroCapacity) {
    Waker waker(selector, id1, must(Waker::open(selector, id1)));
    ASSERT_TRUE(ok(wake(waker)));
    auto none = events_for<Backend>(0);
    EXPECT_TRUE(fails_with(selector.select(none, 0ns), mio::Errc::no_capacity));
    EXPECT_TRUE(fails_with(selector.select(none, std::nullopt), mio::Errc::no_capacity));
    EXPECT_EQ(select(), std::multiset{id1});
}

TEST_F(Contract, SelectRespectsTheCapacityAndStarvesNoSource) {
    const std::vector<Connection> connections(3);
    for (std::size_t i = 0; i < 3; ++i) {
        add(connections[i], Token{i}, Interest::writable, Trigger::level);
    }
    auto one = events_for<Backend>(1);
    std::set<Token> seen;
    for (int i = 0; i < 6; ++i) {
        EXPECT_EQ(select_into(one).size(), 1u);
        seen.insert(one[0].token());
    }
    EXPECT_EQ(seen.size(), 3u);
}

TEST_F(Contract, CapacityOneServesManySources) {
    constexpr std::size_t many = 50;
    const std::vector<Connection> connections(many);
    auto one = events_for<Backend>(1);
    // Edge-triggered: each source once, in any order.
    std::vector<std::uint64_t> states;
    for (std::size_t i = 0; i < many; ++i)
        states.push_back(add(connections[i], Token{i}, Interest::writable));
    std::multiset<Token> seen;
    for (std::size_t i = 0; i < many; ++i) seen.merge(select_into(one));
    EXPECT_EQ(seen.size(), many);
    EXPECT_EQ(std::set<Token>(seen.begin(), seen.end()).size(), many);
    EXPECT_EQ(select_into(one, 20ms), std::multiset<Token>{});
    // Level-triggered: in turn.
    for (std::size_t i = 0; i < many; ++i) {
        ASSERT_TRUE(ok(selector.modify(connections[i].here.fd(), states[i], Token{i}, Interest::writable,
                                       Trigger::level)));
    }
    for (int round = 0; round < 3; ++round) {
        seen.clear();
        for (std::size_t i = 0; i < many; ++i) seen.merge(select_into(one));
        EXPECT_EQ(std::set<Token>(seen.begin(), seen.end()).size(), many);
    }
}

TEST_F(Contract, NeitherWakersNorSourcesStarveEachOther) {
    const Connection c;
    add(c, id1, Interest::writable, Trigger::level);
    Waker waker(selector, id2, must(Waker::open(selector, id2)));
    auto one = events_for<Backend>(1);
    std::set<Token> seen;
    for (int i = 0; i < 4; ++i) {
        ASSERT_TRUE(ok(wake(waker)));
        seen.merge(std::set<Token>{*select_into(one).begin()});
    }
    EXPECT_EQ(seen, (std::set{id1, id2}));
}

TEST_F(Contract, LongestTimeoutWaitsForAnEvent) {
    Waker waker(selector, id1, must(Waker::open(selector, id1)));
    for (const auto timeout :
         {std::chrono::nanoseconds::max(), std::chrono::nanoseconds(std::chrono::hours(100'000)),
          std::chrono::nanoseconds(std::chrono::hours(24 * 26))}) {
        std::thread other([&] {
            std::this_thread::sleep_for(20ms);
            EXPECT_TRUE(ok(wake(waker)));
        });
        EXPECT_EQ(select(timeout), std::multiset{id1});
        other.join();
    }
}

TEST_F(Contract, RegistrationsDoNotExtendATimeout) {
    const Connection c;
    std::atomic<bool> is_over = false;
    const auto latest = std::chrono::steady_clock::now() + 2 * generous_margin;
    std::thread busy([&] {
        while (!is_over && std::chrono::steady_clock::now() < latest) {
            const auto state = add(c, id1, Interest::readable);
            EXPECT_TRUE(ok(selector.modify(c.here.fd(), state, id2, Interest::readable, Trigger::level)));
            EXPECT_TRUE(ok(remove(c, state)));
        }
    });
    // Longer than this thread may have to wait for a processor: a timeout that begins again with each change would
    // otherwise end in such a pause.
    const auto took = time_of([&] { EXPECT_EQ(select(500ms), std::multiset<Token>{}); });
    is_over = true;
    busy.join();
    EXPECT_GE(took, 500ms);
    EXPECT_LT(took, generous_margin);
}

TEST_F(Contract, TransientReadySourcesDoNotShortenATimeout) {
    const Connection c;
    std::atomic<bool> is_over = false;
    std::thread busy([&] {
        for (const auto trigger : {Trigger::edge, Trigger::level, Trigger::oneshot}) {
            for (int i = 0; i < 500; ++i) {
                const auto state = add(c, id1, read_write, trigger);
                EXPECT_TRUE(ok(selector.modify(c.here.fd(), state, id2, Interest::writable, trigger)));
                EXPECT_TRUE(ok(remove(c, state)));
            }
        }
        is_over = true;
    });
    while (!is_over) {
        const auto took = time_of([&] { select(20ms); });
        if (events.empty()) {
            EXPECT_GE(took, 20ms) << "returned early without events";
        }
    }
    busy.join();
}

TEST_F(Contract, TransientWakersDoNotShortenATimeout) {
    std::atomic<bool> is_over = false;
    std::thread busy([&] {
        for (int i = 0; i < 500; ++i) {
            Waker waker(selector, id1, must(Waker::open(selector, id1)));
            EXPECT_TRUE(ok(wake(waker)));
        }
        is_over = true;
    });
    while (!is_over) {
        const auto took = time_of([&] { select(20ms); });
        if (events.empty()) {
            EXPECT_GE(took, 20ms) << "returned early without events";
        }
    }
    busy.join();
}

TEST_F(Contract, ClosedSourceDoesNotShortenATimeout) {
    for (const auto trigger : {Trigger::edge, Trigger::level, Trigger::oneshot}) {
        Connection c;
        const auto state = add(c, id1, read_write, trigger);
        c.here.close();
        EXPECT_GE(time_of([&] { EXPECT_EQ(select(20ms), std::multiset<Token>{}); }), 20ms);
        forget(state);
    }
}

// In the following cases no event is pending, so the wait must sleep.
class ContractSleep : public Contract {
  protected:
    void expect_to_sleep() {
        while (!select(20ms).empty()) {
        }
        const auto before = processor_time();
        EXPECT_EQ(select(200ms), std::multiset<Token>{});
        EXPECT_LT(processor_time() - before, 100ms) << "select spins";
    }
};

TEST_F(ContractSleep, SleepsWithAClosedHandle) {
    Connection c;
    const auto state = add(c, id1, read_write);
    c.here.close();
    expect_to_sleep();
    forget(state);
}

TEST_F(ContractSleep, SleepsWithUnreadData) {
    const Connection c;
    add(c, id1, read_write);
    c.speak();
    expect_to_sleep();
}

TEST_F(ContractSleep, SleepsAfterEndOfStream) {
    Connection c;
    add(c, id1, read_write);
    c.there.close();
    expect_to_sleep();
}

TEST_F(ContractSleep, SleepsAfterAReset) {
    Connection c;
    const auto state = add(c, id1, read_write);
    set_linger_zero(c.there.fd());
    c.there.close();
    expect_to_sleep();
    // Also after an operation that failed, and one that would have blocked.
    Backend::error_taken(state);
    expect_to_sleep();
    EXPECT_TRUE(ok(Backend::rearm(state, read_write)));
    expect_to_sleep();
}

TEST_F(ContractSleep, SleepsWithADisarmedOneshot) {
    const Connection c;
    add(c, id1, read_write, Trigger::oneshot);
    c.speak();
    expect_to_sleep();
}

TEST_F(ContractSleep, SleepsAfterAReportedWake) {
    Waker waker(selector, id1, must(Waker::open(selector, id1)));
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(ok(wake(waker)));
        expect_to_sleep();
    }
}
