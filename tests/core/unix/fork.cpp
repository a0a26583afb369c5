#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>
#include <utility>

#include "posix.hpp"

using namespace test;

namespace {

constexpr Token id1{1}, id2{2};

} // namespace

TEST(Fork, DestroyingInheritedObjectsKeepsTheParentsRegistrations) {
    std::optional<Loop> loop(std::in_place);
    std::optional waker(must(mio::Waker::create(loop->registry(), id1)));
    auto [here, there] = plain::socket_pair();
    std::optional stream(mio::net::TcpStream::from_raw(here.release()));
    ASSERT_TRUE(ok(loop->registry().add(*stream, id2, Interest::readable)));

    ASSERT_TRUE(holds_in_child([&] {
        stream.reset();
        waker.reset();
        loop.reset();
    }));

    ASSERT_TRUE(ok(waker->wake()));
    loop->expect({{id1, Interest::readable}});
    plain::write_all(there, "x");
    loop->expect({{id2, Interest::readable}});
}

TEST(Fork, ReleasingOrReplacingInheritedSourcesKeepsTheParentsRegistrations) {
    Loop loop;
    auto [here1, there1] = plain::socket_pair();
    auto [here2, there2] = plain::socket_pair();
    auto [spare, other] = plain::socket_pair();
    auto released = mio::net::TcpStream::from_raw(here1.release());
    auto replaced = mio::net::TcpStream::from_raw(here2.release());
    ASSERT_TRUE(ok(loop.registry().add(released, id1, Interest::readable)));
    ASSERT_TRUE(ok(loop.registry().add(replaced, id2, Interest::readable)));

    ASSERT_TRUE(holds_in_child([&] {
        static_cast<void>(std::move(released).release());
        replaced = mio::net::TcpStream::from_raw(spare.release());
    }));

    plain::write_all(there1, "x");
    plain::write_all(there2, "x");
    loop.expect({{id1, Interest::readable}, {id2, Interest::readable}});
}

// A child's copy keeps the kernel object of the waker, and its registration, in existence.
TEST(Fork, WakerDestroyedByTheParentIsNotReportedWhileAChildHasACopy) {
    Loop loop;
    std::optional waker(must(mio::Waker::create(loop.registry(), id1)));
    ASSERT_TRUE(ok(waker->wake()));
    const auto [here, there] = plain::socket_pair();
    const auto child = ::fork();
    if (child == 0) {
        char byte;
        ::_exit(::read(there.fd(), &byte, 1) == 1 ? 0 : 1);
    }
    ASSERT_NE(child, -1);
    waker.reset();
    loop.expect_none();
    plain::write_all(here, "x");
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

// A kqueue is not inherited, so the first descriptor that the child opens reuses the number of the parent's kqueue.
TEST(Fork, ChildsPollWorksAfterInheritedObjectsAreDestroyed) {
    std::optional<Loop> inherited(std::in_place);
    std::optional waker(must(mio::Waker::create(inherited->registry(), id2)));
    auto ends = plain::socket_pair();
    std::optional<mio::RawSource> source(std::in_place, ends.first.fd());
    ASSERT_TRUE(ok(inherited->registry().add(*source, id1, Interest::readable)));

    EXPECT_TRUE(holds_in_child([&] {
        Loop own;
        mio::RawSource again(ends.first.fd());
        ASSERT_TRUE(ok(own.registry().add(again, id2, Interest::readable)));
        source.reset();
        waker.reset();
        inherited.reset();
        plain::write_all(ends.second, "x");
        own.expect({{id2, Interest::readable}});
    }));
    inherited->expect({{id1, Interest::readable}});
}

TEST(Fork, ChildCanRegisterAnInheritedSourceWithItsOwnPoll) {
    std::optional<Loop> inherited(std::in_place);
    auto ends = plain::socket_pair();
    auto stream = mio::net::TcpStream::from_raw(ends.first.release());
    ASSERT_TRUE(ok(inherited->registry().add(stream, id1, Interest::readable)));

    EXPECT_TRUE(holds_in_child([&] {
        Loop own;
        inherited.reset();
        ASSERT_TRUE(ok(own.registry().add(stream, id2, Interest::readable)));
        plain::write_all(ends.second, "x");
        own.expect({{id2, Interest::readable}});
        EXPECT_TRUE(ok(own.registry().remove(stream)));
    }));
    inherited->expect({{id1, Interest::readable}});
}
