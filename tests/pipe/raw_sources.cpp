#include <system_error>

#include "differences.hpp"
#include "pipe.hpp"

using namespace test;
using mio::RawSource;

namespace {

constexpr Token id{7};

} // namespace

TEST(RawSource, WatchesANestedPoll) {
    Loop outer;
    Loop inner;
    if (inner.poll.raw_fd() == mio::invalid_handle) GTEST_SKIP() << "this backend has no descriptor";
    auto [sender, receiver] = must(make_pipe());
    must(inner.registry().add(receiver, Token(1), Interest::readable));

    RawSource source(inner.poll.raw_fd());
    must(outer.registry().add(source, id, Interest::readable));
    outer.expect_none();
    for (int round = 0; round < 2; ++round) {
        must(sender.write(bytes_of(data)));
        outer.expect({{id, Interest::readable}});
        inner.expect({{Token(1), Interest::readable}});
        EXPECT_EQ(drain(receiver), data);
        inner.expect_none();
    }
    must(outer.registry().remove(source));
    must(sender.write(bytes_of(data)));
    outer.expect_none();
    inner.expect({{Token(1), Interest::readable}});
}

TEST(RawSource, LeavesTheHandleOpen) {
    const auto [sender, receiver] = must(make_pipe());
    Loop loop;
    {
        RawSource source(receiver.raw());
        must(loop.registry().add(source, id, Interest::readable));
        must(loop.registry().remove(source));
    }
    EXPECT_TRUE(is_open(receiver.raw()));
}

TEST(RawSource, AddingARegularFileFails) {
    if (!differences.refuses_files) GTEST_SKIP() << "regular files are accepted";
    const auto file = file_with(data);
    Loop loop;
    RawSource source(file.fd());
    EXPECT_TRUE(
        fails_with(loop.registry().add(source, id, Interest::readable), std::errc::operation_not_permitted));
    EXPECT_TRUE(fails_with(loop.registry().remove(source), mio::Errc::not_registered));
}
