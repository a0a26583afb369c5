#include <array>
#include <atomic>
#include <cstddef>
#include <set>
#include <span>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "differences.hpp"
#include "support.hpp"

using namespace test;

static_assert(std::is_nothrow_move_constructible_v<mio::Poll>
              && std::is_nothrow_move_assignable_v<mio::Poll>);
static_assert(!std::is_copy_constructible_v<mio::Poll> && !std::is_copy_assignable_v<mio::Poll>);
static_assert(!std::is_default_constructible_v<mio::Poll>, "there is no Poll that is not one");
static_assert(std::is_nothrow_move_constructible_v<mio::Registry>
              && std::is_nothrow_move_assignable_v<mio::Registry>);
static_assert(!std::is_default_constructible_v<mio::Registry>);

namespace {

/// Two ends of a stream; the first is watched.
struct Pair {
    explicit Pair(std::pair<plain::Socket, plain::Socket> ends = plain::socket_pair())
        : here(std::move(ends.first)), there(std::move(ends.second)), source(here.fd()) {}

    plain::Socket here;
    plain::Socket there;
    mio::RawSource source;
};

constexpr Token id1{1}, id2{2}, id3{3};

} // namespace

TEST(Poll, WithoutSourcesTimesOut) {
    Loop loop;
    EXPECT_GE(time_of([&] { ASSERT_TRUE(ok(loop.poll.poll(loop.events, 100ms))); }), 100ms);
    EXPECT_TRUE(loop.events.empty());
}

TEST(Poll, ZeroTimeoutReportsReadySources) {
    Loop loop;
    const auto listener = plain::listen(local_v4());
    std::vector<mio::net::TcpStream> streams;
    for (std::size_t i = 0; i < 3; ++i) {
        streams.push_back(must(mio::net::TcpStream::connect(plain::address_of(listener))));
        ASSERT_TRUE(ok(loop.registry().add(streams.back(), Token{i}, Interest::writable)));
    }
    for (const auto& stream : streams) plain::await_writable(stream.raw());
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 0ns)));
    EXPECT_EQ(loop.events.size(), 3u);
}

TEST(Poll, WorksAfterASourceIsDestroyed) {
    Loop loop;
    {
        auto listener = must(mio::net::TcpListener::bind(local_v4()));
        ASSERT_TRUE(ok(loop.registry().add(listener, id1, read_write)));
    }
    loop.expect_none();
}

TEST(Poll, ClosesItsDescriptor) {
    DescriptorGuard guard;
    for (int i = 0; i < 2000; ++i) {
        auto poll = must(mio::Poll::create());
        mio::Events events(4);
        ASSERT_TRUE(ok(poll.poll(events, 0ns)));
    }
}

TEST(Poll, ReportsItsBackend) {
    const std::set<std::string_view> known{"epoll", "poll", "kqueue", "iocp"};
    EXPECT_TRUE(known.contains(mio::backend())) << mio::backend();
}

TEST(Poll, ReportsNewDataAfterDraining) {
    Loop loop;
    const auto listener = plain::listen(local_v4());
    auto peer = plain::connect(plain::address_of(listener));
    auto accepted = plain::accept(listener);
    accepted.set_non_blocking();
    auto client = mio::net::TcpStream::from_raw(accepted.release());
    ASSERT_TRUE(ok(loop.registry().add(client, id1, Interest::readable)));

    plain::write_all(peer, "hello");
    loop.expect({{id1, Interest::readable}});
    std::array<std::byte, 16> buffer;
    EXPECT_EQ(must(client.read(buffer)), 5u);
    EXPECT_TRUE(blocks(client.read(buffer)));
    loop.expect_none();

    plain::write_all(peer, "again");
    loop.expect({{id1, Interest::readable}});
}

TEST(Poll, DestroyedStreamIsNotReportedAndItsPeerReadsTheEnd) {
    Loop loop;
    const auto listener = plain::listen(local_v4());
    std::thread peer([&] {
        const auto accepted = plain::accept(listener);
        plain::set_receive_timeout(accepted, generous_margin);
        EXPECT_EQ(plain::read_exactly(accepted, 1), "");
    });
    {
        auto stream = must(mio::net::TcpStream::connect(plain::address_of(listener)));
        EXPECT_TRUE(ok(loop.registry().add(stream, id1, read_write)));
        loop.expect({{id1, Interest::writable}});
        std::array<std::byte, 16> buffer;
        EXPECT_TRUE(blocks(stream.read(buffer)));
    }
    peer.join();
    loop.expect_none();
}

TEST(Poll, ReportsSourcesRegisteredByOtherThreads) {
    Loop loop;
    auto listener = must(mio::net::TcpListener::bind(local_v4()));
    const auto address = must(listener.local_address());
    const auto registry = must(loop.registry().try_clone());
    Barrier step(3);
    std::thread one([&] {
        EXPECT_TRUE(ok(registry.add(listener, Token{0}, Interest::readable)));
        step.arrive_and_wait();
        step.arrive_and_wait();
    });
    std::thread other([&] {
        auto stream = must(mio::net::TcpStream::connect(address));
        EXPECT_TRUE(ok(registry.add(stream, id1, read_write)));
        step.arrive_and_wait();
        step.arrive_and_wait(); // the stream lives until its events are checked
    });
    step.arrive_and_wait();
    loop.expect({{Token{0}, Interest::readable}, {id1, Interest::writable}});
    step.arrive_and_wait();
    one.join();
    other.join();
}

TEST(Poll, UsesTheLastRegistrationOfEachThread) {
    Loop loop;
    auto listener = must(mio::net::TcpListener::bind(local_v4()));
    const auto address = must(listener.local_address());
    Pair pair;
    Barrier step(4);
    const auto& registry = loop.registry();
    const auto operate = [&](auto& source, Token token, Interest initial, Interest final) {
        EXPECT_TRUE(ok(registry.add(source, token, initial)));
        EXPECT_TRUE(ok(registry.remove(source)));
        EXPECT_TRUE(ok(registry.add(source, token, initial)));
        EXPECT_TRUE(ok(registry.modify(source, token, final)));
        step.arrive_and_wait();
        step.arrive_and_wait();
    };
    std::thread first([&] { operate(listener, id1, Interest::readable, Interest::readable); });
    std::thread second([&] { operate(pair.source, id2, Interest::writable, read_write); });
    std::thread third([&] {
        auto stream = must(mio::net::TcpStream::connect(address));
        operate(stream, id3, Interest::readable, read_write);
    });
    step.arrive_and_wait();
    loop.expect({{id1, Interest::readable}, {id2, Interest::writable}, {id3, Interest::writable}});
    step.arrive_and_wait();
    for (auto* thread : {&first, &second, &third}) thread->join();
}

TEST(Poll, BlockedPollSeesNewRegistrations) {
    Loop loop;
    Pair pair;
    std::thread other([&] {
        // The poll is most likely blocked by then; the test holds in either case.
        std::this_thread::sleep_for(50ms);
        EXPECT_TRUE(ok(loop.registry().add(pair.source, id1, Interest::writable)));
    });
    // No timeout: the poll would hang if the registration had no effect.
    EXPECT_TRUE(ok(loop.poll.poll(loop.events)));
    other.join();
    ASSERT_EQ(loop.events.size(), 1u);
    EXPECT_EQ(loop.events[0].token(), id1);
    EXPECT_TRUE(loop.events[0].is_writable());
}

TEST(Poll, BlockedPollSeesModifiedRegistrations) {
    Loop loop;
    Pair pair;
    ASSERT_TRUE(ok(loop.registry().add(pair.source, id1, Interest::readable)));
    std::thread other([&] {
        std::this_thread::sleep_for(50ms);
        EXPECT_TRUE(ok(loop.registry().modify(pair.source, id2, Interest::writable)));
    });
    EXPECT_TRUE(ok(loop.poll.poll(loop.events)));
    other.join();
    ASSERT_EQ(loop.events.size(), 1u);
    EXPECT_EQ(loop.events[0].token(), id2);
}

TEST(Poll, ReportsTheLatestTokenAndInterest) {
    Loop loop;
    Pair pair;
    ASSERT_TRUE(ok(loop.registry().add(pair.source, id1, Interest::readable)));
    ASSERT_TRUE(ok(loop.registry().modify(pair.source, id1, Interest::readable)));
    ASSERT_TRUE(ok(loop.registry().modify(pair.source, id2, Interest::writable)));
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 500ms)));
    ASSERT_EQ(loop.events.size(), 1u);
    EXPECT_EQ(loop.events[0].token(), id2);
    EXPECT_TRUE(loop.events[0].is_writable());
}

TEST(Poll, WorksAfterARegistrationChangesDuringPoll) {
    // On Windows the first poll submits a request that the change has to cancel.
    Loop loop;
    auto listener = must(mio::net::TcpListener::bind(local_v4()));
    const auto address = must(listener.local_address());
    const auto registry = must(loop.registry().try_clone());
    ASSERT_TRUE(ok(registry.add(listener, id1, Interest::readable)));
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 0ns)));
    ASSERT_TRUE(ok(registry.modify(listener, id2, Interest::readable)));
    Barrier step(2);
    std::thread client([&] {
        auto stream = must(mio::net::TcpStream::connect(address));
        step.arrive_and_wait();
        EXPECT_TRUE(ok(registry.add(stream, id3, Interest::writable)));
        step.arrive_and_wait();
    });
    loop.expect({{id2, Interest::readable}});
    EXPECT_TRUE(ok(listener.accept()));
    step.arrive_and_wait();
    loop.expect({{id3, Interest::writable}});
    step.arrive_and_wait();
    client.join();
}

TEST(Poll, ZeroCapacityFailsAndKeepsTheEventPending) {
    Loop loop;
    const auto waker = must(mio::Waker::create(loop.registry(), id1));
    ASSERT_TRUE(ok(waker.wake()));
    mio::Events none(0);
    // It fails immediately for every timeout.
    EXPECT_TRUE(fails_with(loop.poll.poll(none), mio::Errc::no_capacity));
    EXPECT_TRUE(fails_with(loop.poll.poll(none, 0ns), mio::Errc::no_capacity));
    EXPECT_TRUE(fails_with(loop.poll.poll(none, 1h), std::errc::invalid_argument));
    EXPECT_TRUE(fails_with(loop.poll.poll_until(none, std::chrono::steady_clock::time_point::max()),
                           mio::Errc::no_capacity));
    EXPECT_TRUE(none.empty());
    loop.expect({{id1, Interest::readable}});
}

TEST(Poll, CapacityOneDeliversThreeReadySourcesInThreePolls) {
    Loop loop;
    std::array<Pair, 3> pairs;
    for (std::size_t i = 0; i < 3; ++i) {
        ASSERT_TRUE(ok(loop.registry().add(pairs[i].source, Token{i}, Interest::writable)));
    }
    mio::Events one(1);
    std::set<Token> seen;
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(ok(loop.poll.poll(one, 500ms)));
        ASSERT_EQ(one.size(), 1u);
        seen.insert(one[0].token());
    }
    EXPECT_EQ(seen.size(), 3u);
    // The edges are consumed by now.
    ASSERT_TRUE(ok(loop.poll.poll(one, 0ns)));
    EXPECT_TRUE(one.empty());
}

TEST(Poll, CapacityOneStarvesNoSource) {
    Loop loop;
    std::array<Pair, 3> pairs;
    for (std::size_t i = 0; i < 3; ++i) {
        ASSERT_TRUE(
            ok(loop.registry().add(pairs[i].source, Token{i}, Interest::writable, mio::Trigger::level)));
    }
    mio::Events one(1);
    // All sources are always ready; each is reported once per round.
    for (int round = 0; round < 4; ++round) {
        std::set<Token> seen;
        for (int i = 0; i < 3; ++i) {
            ASSERT_TRUE(ok(loop.poll.poll(one, 500ms)));
            ASSERT_EQ(one.size(), 1u);
            seen.insert(one[0].token());
        }
        EXPECT_EQ(seen.size(), 3u) << "round " << round;
    }
}

TEST(Poll, NeverReturnsMoreEventsThanTheCapacity) {
    Loop loop;
    std::array<Pair, 5> pairs;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        ASSERT_TRUE(ok(loop.registry().add(pairs[i].source, Token{i}, Interest::writable)));
    }
    mio::Events two(2);
    for (const std::size_t expected : {2u, 2u, 1u, 0u}) {
        ASSERT_TRUE(ok(loop.poll.poll(two, 0ns)));
        EXPECT_EQ(two.size(), expected);
        EXPECT_EQ(two.capacity(), 2u);
    }
}

TEST(Poll, ReportsMoreSourcesThanTheCapacityOverSeveralPolls) {
    Loop loop;
    std::vector<Pair> pairs(200);
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        ASSERT_TRUE(ok(loop.registry().add(pairs[i].source, Token{i}, Interest::readable)));
        plain::write_all(pairs[i].there, "x");
    }
    std::multiset<Token> seen;
    while (seen.size() < pairs.size()) {
        ASSERT_TRUE(ok(loop.poll.poll(loop.events, 500ms)));
        ASSERT_FALSE(loop.events.empty());
        for (const auto& event : loop.events) seen.insert(event.token());
    }
    for (std::size_t i = 0; i < pairs.size(); ++i) EXPECT_EQ(seen.count(Token{i}), 1u);
    loop.expect_none();
}

TEST(Poll, KeepsItsSourcesWhenMoved) {
    Loop loop;
    Pair pair;
    const auto waker = must(mio::Waker::create(loop.registry(), id2));
    ASSERT_TRUE(ok(loop.registry().add(pair.source, id1, Interest::readable)));
    const auto fd = loop.poll.raw_fd();
    mio::Poll moved(std::move(loop.poll));
    EXPECT_EQ(moved.raw_fd(), fd);
    plain::write_all(pair.there, "x");
    ASSERT_TRUE(ok(waker.wake()));
    expect_events(moved, loop.events, {{id1, Interest::readable}, {id2, Interest::readable}});
    // The source still belongs to the moved poll.
    EXPECT_TRUE(ok(moved.registry().modify(pair.source, id3, Interest::readable)));
    EXPECT_TRUE(ok(moved.registry().remove(pair.source)));
}

TEST(Poll, MoveAssignmentClosesTheOldDescriptor) {
    DescriptorGuard guard;
    {
        auto one = must(mio::Poll::create());
        auto other = must(mio::Poll::create());
        const auto kept = other.raw_fd();
        const auto closed = one.raw_fd();
        one = std::move(other);
        EXPECT_EQ(one.raw_fd(), kept);
        EXPECT_FALSE(is_open(static_cast<mio::RawHandle>(closed)));
        mio::Events events(4);
        EXPECT_TRUE(ok(one.poll(events, 0ns)));
    }
}

TEST(Poll, ClonedRegistryCanOutliveIt) {
    DescriptorGuard guard;
    Pair pair;
    Pair late;
    {
        auto poll = std::optional(must(mio::Poll::create()));
        const auto registry = must(poll->registry().try_clone());
        EXPECT_EQ(registry.raw_fd(), poll->raw_fd()) << "same selector";
        EXPECT_EQ(is_close_on_exec(static_cast<mio::RawHandle>(registry.raw_fd())),
                  differences.has_a_descriptor);
        ASSERT_TRUE(ok(registry.add(pair.source, id1, Interest::readable)));
        poll.reset();
        // No thread can poll it any more, and no source counts as registered, but every call is still valid.
        EXPECT_TRUE(
            fails_with(registry.modify(pair.source, id2, Interest::readable), mio::Errc::not_registered));
        EXPECT_TRUE(fails_with(registry.remove(pair.source), mio::Errc::not_registered));
        EXPECT_TRUE(ok(registry.add(late.source, id3, Interest::readable)));
        const auto again = must(registry.try_clone());
        EXPECT_TRUE(ok(again.add(late.source, id2, Interest::readable)));
    }
}

TEST(Poll, SharesItsSourcesWithClonedRegistries) {
    Loop loop;
    Pair pair;
    const auto clone = must(loop.registry().try_clone());
    ASSERT_TRUE(ok(clone.add(pair.source, id1, Interest::writable)));
    EXPECT_TRUE(
        fails_with(loop.registry().add(pair.source, id2, Interest::writable), mio::Errc::already_registered));
    ASSERT_TRUE(ok(loop.registry().modify(pair.source, id2, Interest::writable)));
    loop.expect({{id2, Interest::writable}});
    EXPECT_TRUE(ok(clone.remove(pair.source)));
}
