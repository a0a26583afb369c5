// Reuse of descriptor numbers.
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <set>
#include <system_error>
#include <utility>

#include "contract.hpp"

using namespace test;

namespace {

/// Closes `old` and gives its number to `next`.
plain::Socket give_number(plain::Socket& old, plain::Socket next) {
    const int number = old.fd();
    old.close();
    if (next.fd() == number) return next;
    EXPECT_EQ(::dup2(next.fd(), number), number);
    return plain::Socket(number);
}

} // namespace

TEST_F(Contract, ClosedHandleIsForgottenAndItsNumberCanBeReused) {
    const Connection c;
    Connection old;
    const int number = old.here.fd();
    const auto stale = add(old, id1, Interest::readable);
    old.here.close(); // without notifying the selector
    expect_nothing();

    ASSERT_EQ(::dup2(c.here.fd(), number), number);
    const plain::Socket reused(number);
    add(number, id2, Interest::readable);
    expect_nothing();
    c.speak();
    EXPECT_EQ(select(), std::multiset{id2});
    // Forgetting the old source does not affect the new one.
    forget(stale);
    c.hear();
    c.speak();
    if (backend_differences.reports_data_behind_data_left_unread) {
        EXPECT_EQ(select(), std::multiset{id2});
    }
}

TEST_F(Contract, HandleReusedBeforeSelectStartsAfresh) {
    const Connection c;
    Connection old;
    const int number = old.here.fd();
    const auto stale = add(old, id1, read_write);
    old.here.close();
    ASSERT_EQ(::dup2(c.here.fd(), number), number);
    const plain::Socket reused(number);
    add(number, id2, Interest::writable);
    EXPECT_EQ(select(), std::multiset{id2});
    forget(stale);
    expect_nothing();
}

TEST_F(Contract, ForgottenSourceWithADuplicateHandleIsNotReported) {
    for (const auto trigger : {Trigger::edge, Trigger::level, Trigger::oneshot}) {
        Connection c;
        const auto state = add(c, id1, read_write, trigger);
        const plain::Socket duplicate(::dup(c.here.fd()));
        ASSERT_NE(duplicate.fd(), -1);
        forget(state);
        c.here.close();
        c.speak();
        expect_nothing();
    }
}

TEST_F(Contract, RemovingASourceWithClosedHandleSucceeds) {
    for (const bool selects_between : {false, true}) {
        Connection c;
        const auto state = add(c, id1, read_write);
        c.here.close();
        if (selects_between) expect_nothing();
        EXPECT_TRUE(ok(remove(c, state)));
        expect_nothing();
    }
}

TEST_F(Contract, RemovingASourceWithClosedHandleSucceedsAfterItsNumberIsReused) {
    for (const bool is_file : {false, true}) {
        Connection c;
        const Connection other;
        const int number = c.here.fd();
        const auto state = add(c, id1, read_write);
        c.here.close();
        const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::tmpfile(), &std::fclose);
        const int reusing = is_file ? ::fileno(file.get()) : other.here.fd();
        if (reusing != number) {
            ASSERT_EQ(::dup2(reusing, number), number);
        }
        EXPECT_TRUE(ok(selector.remove(number, state)));
        take(state);
        if (reusing != number) ::close(number);
    }
    expect_nothing();
}

TEST_F(Contract, EndingASourceWithReusedNumberKeepsTheOtherSource) {
    for (const bool removes : {false, true}) {
        for (const auto trigger : {Trigger::edge, Trigger::level, Trigger::oneshot}) {
            Connection old;
            Connection c;
            const auto stale = add(old, id1, read_write);
            c.here = give_number(old.here, std::move(c.here));
            const auto state = add(c, id2, Interest::readable, trigger);
            EXPECT_TRUE(fails_with(selector.modify(c.here.fd(), stale, id3, read_write, Trigger::level),
                                   Errc::not_registered));
            if (removes) {
                EXPECT_TRUE(ok(selector.remove(c.here.fd(), stale)));
                take(stale);
            } else {
                forget(stale);
            }
            expect_nothing();
            c.speak();
            EXPECT_EQ(select(), std::multiset{id2});
            ASSERT_TRUE(ok(remove(c, state)));
        }
    }
}

TEST_F(Contract, EndingASourceWithReusedNumberKeepsTheWaker) {
    Connection old;
    const auto stale = add(old, id1, read_write);
    old.here.close();
    // Its descriptor, if any, takes the lowest number.
    Waker waker(selector, id2, must(Waker::open(selector, id2)));
    forget(stale);
    ASSERT_TRUE(ok(wake(waker)));
    EXPECT_EQ(select(), std::multiset{id2});
}
