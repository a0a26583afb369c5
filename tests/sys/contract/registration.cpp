// Adding, modifying and removing sources.
#include "sockets.hpp"

#include <algorithm>
#include <atomic>
#include <set>
#include <system_error>
#include <thread>
#include <type_traits>
#include <vector>

#include "contract.hpp"

using namespace test;

TEST_F(Contract, IsSatisfiedByTheBackend) {
    static_assert(mio::sys::SelectorBackend<Backend>);
    static_assert(!std::is_move_constructible_v<Backend> && !std::is_copy_constructible_v<Backend>);
    static_assert(!Backend::name.empty());
}

TEST_F(Contract, StateRefersToItsSelector) {
    Backend other(must(Backend::open()));
    const Connection c;
    const auto state = add(c, id1, Interest::readable);
    EXPECT_NE(state, 0u);
    EXPECT_EQ(&Backend::selector_of(state), &selector);
    const auto elsewhere = must(other.add(c.here.fd(), id1, read_write, Trigger::oneshot));
    EXPECT_EQ(&Backend::selector_of(elsewhere), &other);
    Backend::forget(elsewhere);
    EXPECT_TRUE(ok(remove(c, state)));
}

TEST_F(Contract, AddReportsConditionsThatAlreadyHold) {
    const Connection c;
    c.speak();
    plain::await_readable(c.here);
    add(c, id1, Interest::readable);
    EXPECT_EQ(select(), std::multiset{id1});
    EXPECT_TRUE(events[0].is_readable());
    EXPECT_FALSE(events[0].is_writable());
}

TEST_F(Contract, AddAndModifyAffectABlockedSelect) {
    const Connection c;
    std::atomic<std::uint64_t> state = 0;
    std::thread adding([&] {
        std::this_thread::sleep_for(20ms);
        state = add(c, id1, Interest::writable);
    });
    EXPECT_EQ(select(std::nullopt), std::multiset{id1});
    adding.join();
    std::thread modifying([&] {
        std::this_thread::sleep_for(20ms);
        EXPECT_TRUE(ok(selector.modify(c.here.fd(), state, id2, Interest::writable, Trigger::edge)));
    });
    EXPECT_EQ(select(std::nullopt), std::multiset{id2});
    modifying.join();
}

TEST_F(Contract, ModifyReplacesTheInterestAndReportsAgain) {
    const Connection c;
    const auto state = add(c, id1, Interest::writable);
    EXPECT_EQ(select(), std::multiset{id1});
    expect_nothing();
    ASSERT_TRUE(ok(selector.modify(c.here.fd(), state, id2, Interest::writable, Trigger::edge)));
    EXPECT_EQ(select(), std::multiset{id2});
    ASSERT_TRUE(ok(selector.modify(c.here.fd(), state, id3, Interest::readable, Trigger::edge)));
    expect_nothing();
    c.speak();
    EXPECT_EQ(select(), std::multiset{id3});
}

TEST_F(Contract, RemovedReadySourceIsNotReported) {
    const Connection c;
    const Connection d;
    const auto state = add(c, id1, Interest::readable);
    add(d, id2, Interest::readable);
    EXPECT_EQ(select(0ns), std::multiset<Token>{});
    c.speak();
    plain::await_readable(c.here);
    ASSERT_TRUE(ok(remove(c, state)));
    d.speak();
    EXPECT_EQ(select(), std::multiset{id2});
    expect_nothing();
    // The source can be added again.
    add(c, id3, Interest::readable);
    EXPECT_EQ(select(), std::multiset{id3});
}

TEST_F(Contract, InterestThatCannotBeWatchedIsUnsupported) {
    if (backend_differences.has_aio) GTEST_SKIP() << "this backend supports aio and lio";
    const Connection c;
    EXPECT_TRUE(fails_with(selector.add(c.here.fd(), id1, Interest::lio, Trigger::edge), Errc::unsupported));
    const auto state = add(c, id1, Interest::readable);
    EXPECT_TRUE(fails_with(
        selector.modify(c.here.fd(), state, id2, Interest::aio | Interest::readable, Trigger::level),
        Errc::unsupported));
    // The failed call changed nothing.
    c.speak();
    EXPECT_EQ(select(), std::multiset{id1});
    expect_nothing();
}

TEST_F(Contract, ForgottenSourceIsNotReported) {
    Connection c;
    const auto state = add(c, id1, read_write);
    forget(state);
    c.here.close();
    expect_nothing();
}

TEST_F(Contract, EventsHaveDescriptions) {
    Connection c;
    add(c, id1, read_write);
    ASSERT_EQ(select(), std::multiset{id1});
    EXPECT_TRUE(events[0].is_writable());
    EXPECT_FALSE(Backend::describe(events[0]).empty());
    c.there.close();
    ASSERT_TRUE(select().contains(id1));
    EXPECT_TRUE(std::ranges::any_of(events, &mio::Event::is_readable));
    for (const auto& event : events) EXPECT_FALSE(Backend::describe(event).empty());
}

TEST_F(Contract, AddingAClosedHandleFails) {
    Connection c;
    const auto closed = c.here.fd();
    c.here.close();
    for (const auto handle : {closed, mio::invalid_handle}) {
        for (const auto trigger : {Trigger::edge, Trigger::oneshot}) {
            EXPECT_TRUE(fails_with(selector.add(handle, id1, read_write, trigger), no_such_handle));
        }
    }
    expect_nothing();
}

TEST_F(Contract, SecondSourceForAHandleFailsUnlessDocumented) {
    if (!backend_differences.refuses_a_second_source) GTEST_SKIP() << "a second source replaces the first";
    const Connection c;
    const auto state = add(c, id1, Interest::readable);
    EXPECT_TRUE(
        fails_with(selector.add(c.here.fd(), id2, read_write, Trigger::level), std::errc::file_exists));
    c.speak();
    EXPECT_EQ(select(), std::multiset{id1});
    expect_nothing();
    ASSERT_TRUE(ok(remove(c, state)));
    add(c, id2, Interest::readable);
    EXPECT_EQ(select(), std::multiset{id2});
}

TEST_F(Contract, RemoveAndCloseAffectABlockedSelect) {
    Waker waker(selector, id3, must(Waker::open(selector, id3)));
    for (const bool closes : {false, true}) {
        Connection c;
        const auto state = add(c, id1, Interest::readable);
        std::thread other([&] {
            std::this_thread::sleep_for(20ms);
            if (closes) {
                forget(state);
                c.here.close();
                // The peer is notified, although a thread waits for the handle.
                EXPECT_EQ(plain::read_exactly(c.there, 1), "");
            } else {
                EXPECT_TRUE(ok(remove(c, state)));
                c.speak();
                std::this_thread::sleep_for(20ms);
            }
            EXPECT_TRUE(ok(wake(waker)));
        });
        EXPECT_EQ(select(std::nullopt), std::multiset{id3});
        other.join();
    }
}

TEST_F(Contract, PriorityDataIsReportedForPriorityInterestOnly) {
    if (!backend_differences.has_priority) GTEST_SKIP() << "no priority interest on this backend";
    const Connection c;
    const Connection d;
    const auto state = add(c, id1, Interest::priority | Interest::readable);
    add(d, id2, Interest::readable);
    for (const auto* urgent : {"1", "2"}) {
        for (const auto* connection : {&c, &d})
            ASSERT_EQ(must(plain::send(connection->there.fd(), urgent, 1, MSG_OOB)), 1u);
        ASSERT_EQ(select(), std::multiset{id1});
        EXPECT_TRUE(events[0].is_priority());
        EXPECT_TRUE(events[0].is_readable());
        char byte = 0;
        ASSERT_EQ(must(plain::receive(c.here.fd(), &byte, 1, MSG_OOB)), 1u);
        EXPECT_EQ(byte, *urgent);
        ASSERT_TRUE(ok(Backend::rearm(state, Interest::readable)));
        expect_nothing();
    }
}
