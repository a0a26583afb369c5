// Handles without an object that are closed before they are removed: "Handles without an object" in docs/backends.md.
#include <unistd.h>

#include <set>
#include <system_error>
#include <utility>

#include "differences.hpp"
#include "posix.hpp"

using namespace test;
using mio::Errc;
using mio::Trigger;

namespace {

constexpr Token id1{1}, id2{2};
constexpr Trigger triggers[] = {Trigger::edge, Trigger::level, Trigger::oneshot};

std::multiset<Token> poll(Loop& loop) {
    EXPECT_TRUE(ok(loop.poll.poll(loop.events, 500ms)));
    std::multiset<Token> tokens;
    for (const auto& event : loop.events) tokens.insert(event.token());
    return tokens;
}

/// Makes `number`, which is closed, a duplicate of `other`.
plain::Socket reused(int number, const plain::Socket& other) {
    EXPECT_EQ(::dup2(other.fd(), number), number);
    return plain::close_on_exec(number);
}

/// A handle that was registered and then closed.
int closed_handle(Loop& loop, Trigger trigger, bool polls_between) {
    auto [here, there] = plain::socket_pair();
    const int number = here.fd();
    EXPECT_TRUE(ok(loop.registry().add(number, id1, Interest::readable, trigger)));
    if (polls_between) loop.expect_none();
    here.close();
    there.close();
    if (polls_between) loop.expect_none();
    return number;
}

} // namespace

TEST(ClosedHandle, IsNotReportedAndCanBeRemovedOnce) {
    for (const auto trigger : triggers) {
        for (const bool polls_between : {false, true}) {
            Loop loop;
            const int number = closed_handle(loop, trigger, polls_between);
            EXPECT_TRUE(ok(loop.registry().remove(number)));
            EXPECT_TRUE(fails_with(loop.registry().remove(number), Errc::not_registered));
            loop.expect_none();
        }
    }
}

TEST(ClosedHandle, CannotBeModifiedOrRenewedAndCanStillBeRemovedOnce) {
    const auto closed = std::errc::bad_file_descriptor;
    for (const auto trigger : triggers) {
        for (const bool polls_between : {false, true}) {
            Loop loop;
            const int number = closed_handle(loop, trigger, polls_between);
            EXPECT_TRUE(fails_with(loop.registry().renew(number), closed));
            EXPECT_TRUE(fails_with(loop.registry().modify(number, id2, Interest::readable), closed));
            EXPECT_TRUE(fails_with(loop.registry().add(number, id2, Interest::readable), closed));
            EXPECT_TRUE(ok(loop.registry().remove(number)));
            EXPECT_TRUE(fails_with(loop.registry().remove(number), Errc::not_registered));
        }
    }
}

TEST(ReusedHandle, CanBeAddedWithoutARemove) {
    for (const auto trigger : triggers) {
        for (const bool polls_between : {false, true}) {
            Loop loop;
            auto [here, there] = plain::socket_pair();
            const int number = closed_handle(loop, trigger, polls_between);
            const auto reuse = reused(number, here);
            ASSERT_TRUE(ok(loop.registry().add(number, id2, Interest::readable)));
            EXPECT_TRUE(
                fails_with(loop.registry().add(number, id1, Interest::readable), Errc::already_registered));
            plain::write_all(there, "x");
            EXPECT_EQ(poll(loop), std::multiset{id2});
            ASSERT_TRUE(ok(loop.registry().remove(number)));
            loop.expect_none();
        }
    }
}

TEST(ReusedHandle, IsNotAffectedByRemovingTheOldRegistration) {
    Loop loop;
    auto [here, there] = plain::socket_pair();
    const int number = closed_handle(loop, Trigger::edge, false);
    const auto reuse = reused(number, here);
    mio::RawSource source(number);
    ASSERT_TRUE(ok(loop.registry().add(source, id2, Interest::readable)));
    EXPECT_TRUE(fails_with(loop.registry().renew(number), Errc::not_registered));
    EXPECT_TRUE(fails_with(loop.registry().remove(number), Errc::not_registered)) << "renew found it gone";
    plain::write_all(there, "x");
    EXPECT_EQ(poll(loop), std::multiset{id2});
    ASSERT_TRUE(ok(loop.registry().remove(source)));
}

TEST(ReusedHandle, IsNotRegisteredWhereTheBackendKnows) {
    // kqueue identifies a filter by the number: modify watches the new file.
    const bool is_known = mio::backend() != "kqueue";
    for (const auto trigger : triggers) {
        Loop loop;
        auto [here, there] = plain::socket_pair();
        const int number = closed_handle(loop, trigger, true);
        const auto reuse = reused(number, here);
        const auto modified = loop.registry().modify(number, id2, Interest::readable);
        plain::write_all(there, "x");
        if (is_known) {
            EXPECT_TRUE(fails_with(modified, Errc::not_registered));
            EXPECT_TRUE(fails_with(loop.registry().remove(number), Errc::not_registered));
            loop.expect_none();
            ASSERT_TRUE(ok(loop.registry().add(number, id2, Interest::readable)));
        } else {
            EXPECT_TRUE(ok(modified));
        }
        EXPECT_EQ(poll(loop), std::multiset{id2});
    }
}

TEST(ReusedHandle, IsTakenForTheOldOneAfterAOneshotOnKqueue) {
    Loop loop;
    auto [here, there] = plain::socket_pair();
    auto [old, peer] = plain::socket_pair();
    const int number = old.fd();
    ASSERT_TRUE(ok(loop.registry().add(number, id1, Interest::writable, Trigger::oneshot)));
    EXPECT_EQ(poll(loop), std::multiset{id1});
    old.close();
    const auto reuse = reused(number, here);
    const auto added = loop.registry().add(number, id2, Interest::readable);
    if (mio::backend() == "kqueue") {
        EXPECT_TRUE(fails_with(added, Errc::already_registered));
        ASSERT_TRUE(ok(loop.registry().modify(number, id2, Interest::readable)));
    } else {
        EXPECT_TRUE(ok(added));
    }
    plain::write_all(there, "x");
    EXPECT_EQ(poll(loop), std::multiset{id2});
}

TEST(DuplicatedHandle, KeepsTheRegistrationOnEpollOnly) {
    Loop loop;
    auto [here, there] = plain::socket_pair();
    const int number = here.fd();
    plain::Socket duplicate(::dup(number));
    ASSERT_TRUE(ok(loop.registry().add(number, id1, Interest::readable, Trigger::level)));
    here.close();
    plain::write_all(there, "x");
    const auto reported = poll(loop);
    EXPECT_EQ(reported, mio::backend() == "epoll" ? std::multiset{id1} : std::multiset<Token>{});
    // Closing the duplicate ends it; so does removing the handle before it is closed.
    duplicate.close();
    loop.expect_none();
    EXPECT_TRUE(ok(loop.registry().remove(number)));
}

TEST(DuplicatedHandle, IsRegisteredByItsOwnNumber) {
    Loop loop;
    auto [here, there] = plain::socket_pair();
    const plain::Socket duplicate(::dup(here.fd()));
    ASSERT_TRUE(ok(loop.registry().add(here.fd(), id1, Interest::writable)));
    ASSERT_TRUE(ok(loop.registry().add(duplicate.fd(), id2, Interest::writable)));
    auto reported = poll(loop);
    reported.merge(poll(loop));
    EXPECT_TRUE(reported.contains(id1) && reported.contains(id2));
    // Removing one does not affect the other.
    ASSERT_TRUE(ok(loop.registry().remove(here.fd())));
    ASSERT_TRUE(ok(loop.registry().renew(duplicate.fd())));
    EXPECT_EQ(poll(loop), std::multiset{id2});
}
