// Failed connections and refused datagrams.
#include <set>
#include <utility>
#include <vector>

#include "failures.hpp"

using namespace test;

namespace {

Pair connected() {
    Connection connection;
    return {std::move(connection.here), std::move(connection.there)};
}

void reset(Pair& pair) {
    set_linger_zero(pair.there.fd());
    pair.there.close();
    plain::await_end(pair.here.fd());
}

// A datagram socket connected to a port whose socket is connected to itself, which refuses datagrams from others.
Pair connected_to_a_closed_port() {
    auto here = plain::datagram_socket();
    auto closed = plain::datagram_socket();
    plain::connect(closed, plain::address_of(closed));
    plain::connect(here, plain::address_of(closed));
    here.set_non_blocking();
    return {std::move(here), std::move(closed)};
}

void send_a_datagram(Pair& pair) { EXPECT_TRUE(ok(plain::send(pair.here.fd(), "x", 1))); }

const std::vector<Interest> either_and_both{Interest::readable, Interest::writable, read_write};

} // namespace

TEST_F(ContractFailures, ResetMakesAConnectionReadyForEachInterest) {
    expect_that_each_direction_is_reported({{"ResetConnection", connected, reset, either_and_both}});
}

TEST_F(ContractFailures, RefusedDatagramMakesASocketReadyForEachInterest) {
    if (!reports_refused_datagrams()) GTEST_SKIP() << "refused datagrams are not reported";
    const auto interests =
        refusal_fails_sending ? either_and_both : std::vector<Interest>{Interest::readable, read_write};
    expect_that_each_direction_is_reported(
        {{"RefusedDatagram", connected_to_a_closed_port, send_a_datagram, interests}});
}

TEST_F(ContractFailures, ResetMakesASourceWithPriorityInterestReadable) {
    if (!backend_differences.has_priority) GTEST_SKIP() << "no priority interest on this backend";
    expect_that_each_direction_is_reported({{"ResetConnection", connected, reset, {Interest::priority}}});
}

// A one-shot source is disarmed by the event that is delivered.
TEST_F(ContractFailures, ResetDisarmsAOneshotWithBothDirectionsInOneEvent) {
    auto pair = connected();
    reset(pair);
    add(pair.here.fd(), id1, read_write, Trigger::oneshot);
    auto one = events_for<Backend>(1);
    ASSERT_EQ(select_into(one), std::multiset{id1});
    EXPECT_TRUE(one[0].is_readable() && one[0].is_writable()) << Backend::describe(one[0]);
    EXPECT_EQ(select_into(one, 20ms), std::multiset<Token>{});
}

TEST_F(ContractFailures, EndOfStreamMakesASourceReadable) {
    expect_that_each_direction_is_reported(
        {{"EndOfStream", connected, [](Pair& pair) { pair.there.close(); }, {Interest::readable}}});
}
