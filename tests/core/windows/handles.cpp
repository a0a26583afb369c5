// Handles without an object that are closed before they are removed: "Handles without an object" in docs/backends.md.
#include "sockets.hpp"

#include <expected>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "support.hpp"

using namespace test;
using mio::Errc;
using mio::Trigger;

namespace {

constexpr Token id1{1}, id2{2};

std::multiset<Token> poll(Loop& loop) {
    EXPECT_TRUE(ok(loop.poll.poll(loop.events, 500ms)));
    std::multiset<Token> tokens;
    for (const auto& event : loop.events) tokens.insert(event.token());
    return tokens;
}

/// A datagram socket with a given handle value; the others that were created until then stay open.
struct Reused {
    explicit Reused(mio::RawHandle value) {
        while (here.fd() != value && keep.size() < 2000) {
            keep.push_back(std::move(here));
            here = plain::datagram_socket();
        }
    }
    void speak() const {
        const auto other = plain::datagram_socket();
        plain::connect(other, plain::address_of(here));
        ASSERT_TRUE(ok(plain::send(other.fd(), "x", 1)));
    }

    plain::Socket here;
    std::vector<plain::Socket> keep;
};

/// A handle that was registered and then closed.
mio::RawHandle closed_handle(Loop& loop, bool polls_between) {
    auto [here, there] = plain::socket_pair();
    const auto value = here.fd();
    EXPECT_TRUE(ok(loop.registry().add(value, id1, Interest::readable)));
    loop.expect_none();
    here.close();
    if (polls_between) loop.expect_none();
    return value;
}

} // namespace

TEST(ClosedHandle, IsNotReportedAndCanBeRemovedOnce) {
    for (const bool polls_between : {false, true}) {
        Loop loop;
        const auto value = closed_handle(loop, polls_between);
        EXPECT_TRUE(ok(loop.registry().remove(value)));
        EXPECT_TRUE(fails_with(loop.registry().remove(value), Errc::not_registered));
        loop.expect_none();
    }
}

TEST(ClosedHandle, IsNotRegisteredAfterAPoll) {
    for (const bool renews : {false, true}) {
        Loop loop;
        const auto value = closed_handle(loop, true);
        EXPECT_TRUE(fails_with(renews ? loop.registry().renew(value)
                                      : loop.registry().modify(value, id2, Interest::readable),
                               Errc::not_registered));
        EXPECT_TRUE(fails_with(loop.registry().add(value, id1, Interest::readable), no_such_handle));
    }
}

TEST(ReusedHandle, CanBeAddedAfterAPoll) {
    Loop loop;
    const auto value = closed_handle(loop, true);
    const Reused reused(value);
    if (reused.here.fd() != value) GTEST_SKIP() << "the value was not reused";
    ASSERT_TRUE(ok(loop.registry().add(value, id2, Interest::readable)));
    reused.speak();
    EXPECT_EQ(poll(loop), std::multiset{id2});
    ASSERT_TRUE(ok(loop.registry().remove(value)));
}

TEST(ReusedHandle, CanBeModifiedBeforeAPoll) {
    for (const bool renews : {false, true}) {
        Loop loop;
        const auto value = closed_handle(loop, false);
        const Reused reused(value);
        if (reused.here.fd() != value) GTEST_SKIP() << "the value was not reused";
        EXPECT_TRUE(
            fails_with(loop.registry().add(value, id2, Interest::readable), Errc::already_registered));
        if (renews) {
            ASSERT_TRUE(ok(loop.registry().renew(value)));
        } else {
            ASSERT_TRUE(ok(loop.registry().modify(value, id2, Interest::readable)));
        }
        loop.expect_none();
        reused.speak();
        EXPECT_EQ(poll(loop), std::multiset{renews ? id1 : id2});
        ASSERT_TRUE(ok(loop.registry().remove(value)));
    }
}
