// What may be registered, and numbers that come back.
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <set>
#include <system_error>

#include "contract.hpp"

using namespace test;

TEST_F(Contract, WhatIsAlwaysReadyIsRefusedUnlessItIsDocumentedOtherwise) {
    if (!backend_differences.refuses_files) GTEST_SKIP() << "it takes files";
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::tmpfile(), &std::fclose);
    ASSERT_NE(file, nullptr);
    EXPECT_TRUE(fails_with(selector.add(::fileno(file.get()), id1, Interest::readable, Trigger::edge),
                           std::errc::operation_not_permitted));
}

TEST_F(Contract, AHandleThatWasClosedIsForgottenAndItsNumberStartsAnew) {
    const Connection c;
    Connection old;
    const int number = old.here.fd();
    const auto stale = add(old, id1, Interest::readable);
    old.here.close(); // without a word to the selector
    expect_nothing();

    ASSERT_EQ(::dup2(c.here.fd(), number), number);
    const plain::Socket reused(number);
    add(number, id2, Interest::readable);
    expect_nothing();
    c.speak();
    EXPECT_EQ(select(), std::multiset{id2});
    // Forgetting the old one has nothing to do with the new one.
    forget(stale);
    c.hear();
    c.speak();
    if (backend_differences.reports_data_behind_data_left_unread) {
        EXPECT_EQ(select(), std::multiset{id2});
    }
}

TEST_F(Contract, AHandleThatIsReusedBeforeAnySelectStartsAnew) {
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
