// Edge, level and one-shot triggers.
#include <chrono>
#include <cstddef>
#include <set>
#include <thread>
#include <vector>

#include "contract.hpp"

using namespace test;

namespace {

/// Connects `socket` to a port that is then closed, so it has no receiver.
void connect_to_closed_port(const plain::Socket& socket) {
    const auto closed = plain::datagram_socket();
    plain::connect(socket, plain::address_of(closed));
}

} // namespace

TEST_F(Contract, EdgesAreReportedOnceAndAgainAfterDraining) {
    const Connection c;
    const auto state = add(c, id1, Interest::readable);
    for (int i = 0; i < 3; ++i) {
        c.speak();
        EXPECT_EQ(select(), std::multiset{id1});
        expect_nothing();
        c.hear();
        EXPECT_TRUE(ok(Backend::rearm(state, Interest::readable))); // as after a read that would block
        expect_nothing();
    }
}

// One thread waits while another one reads.
TEST_F(Contract, RearmAffectsABlockedSelect) {
    const Connection c;
    const auto state = add(c, id1, Interest::readable);
    c.speak();
    EXPECT_EQ(select(), std::multiset{id1});
    std::thread reading([&] {
        std::this_thread::sleep_for(20ms);
        c.hear();
        EXPECT_TRUE(ok(Backend::rearm(state, Interest::readable)));
        c.speak();
    });
    EXPECT_EQ(select(generous_margin), std::multiset{id1});
    reading.join();
}

TEST_F(Contract, RearmingOneDirectionDoesNotReportTheOther) {
    const Connection c;
    const auto state = add(c, id1, read_write);
    EXPECT_EQ(select(), std::multiset{id1});
    EXPECT_TRUE(ok(Backend::rearm(state, Interest::readable)));
    expect_nothing();
}

TEST_F(Contract, LevelsAreReportedWhileTheyHold) {
    const Connection c;
    add(c, id1, Interest::readable, Trigger::level);
    expect_nothing();
    c.speak();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(select(), std::multiset{id1});
    c.hear();
    expect_nothing();
}

TEST_F(Contract, OneshotsAreReportedOnceUntilModified) {
    const Connection c;
    const auto state = add(c, id1, Interest::readable, Trigger::oneshot);
    c.speak();
    EXPECT_EQ(select(), std::multiset{id1});
    c.hear();
    EXPECT_TRUE(ok(Backend::rearm(state, Interest::readable))); // rearm does not modify
    c.speak();
    expect_nothing();
    ASSERT_TRUE(ok(selector.modify(c.here.fd(), state, id2, Interest::readable, Trigger::oneshot)));
    EXPECT_EQ(select(), std::multiset{id2});
    expect_nothing();
}

TEST_F(Contract, EachDirectionHasItsOwnEdges) {
    const Connection c;
    const auto state = add(c, id1, read_write);
    EXPECT_EQ(select(), std::multiset{id1});
    EXPECT_TRUE(events[0].is_writable() && !events[0].is_readable());
    for (int i = 0; i < 3; ++i) {
        c.speak();
        ASSERT_EQ(select(), std::multiset{id1});
        EXPECT_TRUE(events[0].is_readable());
        c.hear();
        EXPECT_TRUE(ok(Backend::rearm(state, Interest::readable)));
        expect_nothing();
    }
}

TEST_F(Contract, WritableIsReportedWhenTheBufferHasSpaceAgain) {
    const Connection c;
    const auto state = add(c, id1, Interest::writable);
    EXPECT_EQ(select(), std::multiset{id1});
    const std::vector<char> block(1 << 16, 'x');
    std::size_t total = 0;
    while (const auto sent = plain::send(c.here.fd(), block.data(), block.size())) total += *sent;
    EXPECT_TRUE(ok(Backend::rearm(state, Interest::writable))); // as after a write that would block
    expect_nothing();
    EXPECT_EQ(plain::read_exactly(c.there, total).size(), total);
    EXPECT_EQ(select(5s), std::multiset{id1});
    EXPECT_TRUE(events[0].is_writable());
}

TEST_F(Contract, EachErrorIsReportedOnce) {
    if (!reports_refused_datagrams()) GTEST_SKIP() << "refused datagrams are not reported";
    // Each datagram to a port without a receiver causes an error.
    const auto here = plain::datagram_socket();
    here.set_non_blocking();
    connect_to_closed_port(here);
    const auto state = must(selector.add(here.fd(), id1, Interest::readable, Trigger::edge));
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(ok(plain::send(here.fd(), "x", 1)));
        ASSERT_EQ(select(), std::multiset{id1});
        EXPECT_TRUE(events[0].is_error() || events[0].is_readable());
        expect_nothing();
        char byte = 0;
        EXPECT_FALSE(plain::receive(here.fd(), &byte, 1)); // clears the error
        Backend::error_taken(state);
    }
    expect_nothing();
    EXPECT_TRUE(ok(selector.remove(here.fd(), state)));
}

TEST_F(Contract, EdgeTriggerReportsEndOfStreamOnce) {
    Connection c;
    add(c, id1, Interest::readable);
    c.there.close();
    ASSERT_EQ(select(), std::multiset{id1});
    EXPECT_TRUE(events[0].is_readable());
    expect_nothing();
}

TEST_F(Contract, HangUpKeepsTheRegistration) {
    Connection c;
    const auto state = add(c, id1, read_write);
    set_linger_zero(c.there.fd());
    c.there.close();
    ASSERT_TRUE(select().contains(id1));
    while (!select(20ms).empty()) {
    }
    ASSERT_TRUE(ok(selector.modify(c.here.fd(), state, id2, read_write, Trigger::edge)));
    EXPECT_TRUE(select().contains(id2));
    EXPECT_TRUE(ok(remove(c, state)));
    expect_nothing();
}

TEST_F(Contract, OneshotForBothDirectionsIsDisarmedByEither) {
    const Connection c;
    const auto state = add(c, id1, read_write, Trigger::oneshot);
    ASSERT_EQ(select(), std::multiset{id1}); // writable
    EXPECT_TRUE(events[0].is_writable());
    c.speak();
    plain::await_readable(c.here);
    expect_nothing();
    // Both hold now and are reported in one event.
    ASSERT_TRUE(ok(selector.modify(c.here.fd(), state, id2, read_write, Trigger::oneshot)));
    ASSERT_EQ(select(), std::multiset{id2});
    EXPECT_TRUE(events[0].is_readable() && events[0].is_writable());
    expect_nothing();
    // With capacity one, too.
    ASSERT_TRUE(ok(selector.modify(c.here.fd(), state, id3, read_write, Trigger::oneshot)));
    auto one = events_for<Backend>(1);
    EXPECT_EQ(select_into(one), std::multiset{id3});
    expect_nothing();
}

TEST_F(Contract, ModifyChangesTheTrigger) {
    const Connection c;
    c.speak();
    plain::await_readable(c.here);
    const auto state = add(c, id1, Interest::readable, Trigger::oneshot);
    const auto change_to = [&](Trigger trigger) {
        ASSERT_TRUE(ok(selector.modify(c.here.fd(), state, id1, Interest::readable, trigger)));
    };
    EXPECT_EQ(select(), std::multiset{id1});
    change_to(Trigger::level);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(select(), std::multiset{id1});
    change_to(Trigger::edge);
    EXPECT_EQ(select(), std::multiset{id1});
    expect_nothing();
    change_to(Trigger::level);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(select(), std::multiset{id1});
    change_to(Trigger::oneshot);
    EXPECT_EQ(select(), std::multiset{id1});
    expect_nothing();
}
