#include <utility>

#include "differences.hpp"
#include "support.hpp"

using namespace test;

TEST(Poll, CanBeWatchedByAnotherPoll) {
    Loop inner;
    Loop outer;
    if (inner.poll.raw_fd() == mio::invalid_handle) GTEST_SKIP() << "this backend has no descriptor";
    mio::RawSource nested(inner.poll.raw_fd());
    ASSERT_TRUE(ok(outer.registry().add(nested, Token{77}, Interest::readable)));
    outer.expect_none();
    // The outer poll reports that the inner poll has events, but not which.
    const auto [here, there] = plain::socket_pair();
    mio::RawSource source(here.fd());
    ASSERT_TRUE(ok(inner.registry().add(source, Token{1}, Interest::readable)));
    plain::write_all(there, "x");
    outer.expect({{Token{77}, Interest::readable}});
    inner.expect({{Token{1}, Interest::readable}});
    // A waker of the inner poll wakes both.
    const auto waker = must(mio::Waker::create(inner.registry(), Token{2}));
    ASSERT_TRUE(ok(waker.wake()));
    outer.expect({{Token{77}, Interest::readable}});
    inner.expect({{Token{2}, Interest::readable}});
    ASSERT_TRUE(ok(outer.registry().remove(nested)));
}

TEST(Poll, DescriptorIsNotInherited) {
    const Loop loop;
    EXPECT_EQ(loop.poll.raw_fd() != mio::invalid_handle, differences.has_a_descriptor);
    if (!differences.has_a_descriptor) return;
    EXPECT_TRUE(is_close_on_exec(loop.poll.raw_fd()));
    EXPECT_EQ(loop.poll.raw_fd(), loop.registry().raw_fd());
}
