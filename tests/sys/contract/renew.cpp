// Renewing a registration, and adding a handle again whose registration was not removed.
#include <atomic>
#include <cstdint>
#include <set>
#include <thread>

#include "contract.hpp"

using namespace test;

TEST_F(Contract, RenewReportsConditionsThatStillHold) {
    const Connection c;
    const auto state = add(c, id1, read_write);
    c.speak();
    plain::await_readable(c.here);
    const auto reported = [this] {
        auto all = Readiness::none;
        for (const auto token : select()) EXPECT_EQ(token, id1);
        for (const auto& event : events) all |= event.readiness();
        return all;
    };
    EXPECT_EQ(reported(), Readiness::readable | Readiness::writable);
    expect_nothing();
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(ok(selector.renew(state)));
        EXPECT_EQ(reported(), Readiness::readable | Readiness::writable);
        expect_nothing();
    }
    c.hear();
    ASSERT_TRUE(ok(selector.renew(state)));
    EXPECT_EQ(reported(), Readiness::writable);
    expect_nothing();
}

TEST_F(Contract, RenewReportsNothingThatDoesNotHold) {
    const Connection c;
    for (const auto trigger : {Trigger::edge, Trigger::level, Trigger::oneshot}) {
        const auto state = add(c, id1, Interest::readable, trigger);
        ASSERT_TRUE(ok(selector.renew(state)));
        expect_nothing();
        // The registration is still in effect.
        c.speak();
        EXPECT_EQ(select(), std::multiset{id1});
        c.hear();
        ASSERT_TRUE(ok(remove(c, state)));
    }
}

TEST_F(Contract, RenewArmsAOneshotAgain) {
    const Connection c;
    const auto state = add(c, id1, read_write, Trigger::oneshot);
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(select(), std::multiset{id1});
        expect_nothing();
        ASSERT_TRUE(ok(selector.renew(state)));
    }
    EXPECT_EQ(select(), std::multiset{id1});
    // The event ended both directions.
    c.speak();
    plain::await_readable(c.here);
    expect_nothing();
    ASSERT_TRUE(ok(selector.renew(state)));
    EXPECT_EQ(select(), std::multiset{id1});
    EXPECT_TRUE(events[0].is_readable() && events[0].is_writable());
    expect_nothing();
}

TEST_F(Contract, RenewKeepsTokenInterestAndTrigger) {
    const Connection c;
    const auto state = add(c, id1, read_write);
    EXPECT_EQ(select(), std::multiset{id1});
    ASSERT_TRUE(ok(selector.modify(c.here.fd(), state, id2, Interest::readable, Trigger::level)));
    if (!backend_differences.has_aio) {
        EXPECT_TRUE(fails_with(
            selector.modify(c.here.fd(), state, id3, Interest::writable | Interest::aio, Trigger::oneshot),
            Errc::unsupported));
    }
    ASSERT_TRUE(ok(selector.renew(state)));
    expect_nothing();
    c.speak();
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(select(), std::multiset{id2});
        EXPECT_TRUE(events[0].is_readable() && !events[0].is_writable());
    }
}

TEST_F(Contract, RenewAffectsABlockedSelect) {
    const Connection c;
    const auto state = add(c, id1, Interest::writable);
    EXPECT_EQ(select(), std::multiset{id1});
    std::thread renewing([&] {
        std::this_thread::sleep_for(20ms);
        EXPECT_TRUE(ok(selector.renew(state)));
    });
    EXPECT_EQ(select(std::nullopt), std::multiset{id1});
    renewing.join();
}

TEST_F(Contract, RenewAfterRearmReportsOnce) {
    const Connection c;
    const auto state = add(c, id1, Interest::readable);
    c.speak();
    EXPECT_EQ(select(), std::multiset{id1});
    c.hear();
    EXPECT_TRUE(ok(Backend::rearm(state, Interest::readable)));
    ASSERT_TRUE(ok(selector.renew(state)));
    expect_nothing();
    c.speak();
    EXPECT_EQ(select(), std::multiset{id1});
    expect_nothing();
}

TEST_F(Contract, AddingAnOpenHandleAgainFailsAndChangesNothing) {
    const Connection c;
    for (const auto trigger : {Trigger::edge, Trigger::level, Trigger::oneshot}) {
        const auto state = add(c, id1, Interest::readable, trigger);
        for (int i = 0; i < 2; ++i) {
            EXPECT_TRUE(fails_with(selector.add_again(c.here.fd(), state, id2, read_write, Trigger::level),
                                   Errc::already_registered));
        }
        expect_nothing();
        c.speak();
        EXPECT_EQ(select(), std::multiset{id1});
        // Also after the report, which ends a one-shot.
        EXPECT_TRUE(fails_with(selector.add_again(c.here.fd(), state, id2, read_write, Trigger::level),
                               Errc::already_registered));
        c.hear();
        ASSERT_TRUE(ok(remove(c, state)));
    }
}
