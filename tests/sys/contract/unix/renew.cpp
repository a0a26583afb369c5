// Renewing and adding again where the handle was closed and its number reused.
#include <unistd.h>

#include <set>

#include "contract.hpp"

using namespace test;

namespace {

/// Closes `number` and makes it a duplicate of `other`.
void reuse(plain::Socket& number, const plain::Socket& other) {
    const auto fd = number.fd();
    number.close();
    ASSERT_EQ(::dup2(other.fd(), fd), fd);
    number = plain::Socket(fd);
}

} // namespace

TEST_F(Contract, AddingAReusedNumberAgainReplacesTheRegistration) {
    for (const auto trigger : {Trigger::edge, Trigger::level, Trigger::oneshot}) {
        Connection c;
        const Connection d;
        auto state = add(c, id1, Interest::readable, trigger);
        reuse(c.here, d.here);
        take(state);
        const auto again = selector.add_again(c.here.fd(), state, id2, Interest::readable, Trigger::level);
        ASSERT_TRUE(ok(again));
        d.speak();
        EXPECT_EQ(select(), std::multiset{id2});
        EXPECT_TRUE(ok(selector.remove(c.here.fd(), *again)));
        expect_nothing();
    }
}

TEST_F(Contract, AddingAClosedHandleAgainFails) {
    Connection c;
    const auto state = add(c, id1, Interest::readable);
    const auto fd = c.here.fd();
    c.here.close();
    EXPECT_TRUE(
        fails_with(selector.add_again(fd, state, id2, Interest::readable, Trigger::edge), no_such_handle));
    // The state is still the caller's.
    forget(state);
    expect_nothing();
}

TEST_F(Contract, RenewOfADisplacedSourceFails) {
    Connection c;
    const Connection d;
    const auto old = add(c, id1, Interest::readable);
    reuse(c.here, d.here);
    const auto state = add(c, id2, Interest::readable);
    EXPECT_TRUE(fails_with(selector.renew(old), Errc::not_registered));
    d.speak();
    EXPECT_EQ(select(), std::multiset{id2});
    forget(old);
    ASSERT_TRUE(ok(remove(c, state)));
}
