// Regression tests for past defects of Mio that concern events of TCP streams and are not covered elsewhere.
#include "sockets.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "differences.hpp"
#include "tcp.hpp"

using namespace test;

namespace {

constexpr Token first{1};
constexpr Token second{2};

// A single hang-up flag was reported as closed in both directions.
TEST(StreamEvents, HalfClosedPeerIsReadClosedButNotWriteClosed) {
    Loop loop;
    auto [stream, peer] = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(stream, first, read_write)));
    loop.expect({{first, Readiness::writable}});
    plain::end_writing(peer);

    // read_closed is reported and write_closed is not, even after modify.
    plain::await_end(stream.raw());
    for (int round = 0; round < 3; ++round) {
        ASSERT_TRUE(ok(loop.poll.poll(loop.events, generous_margin)));
        EXPECT_TRUE(std::ranges::any_of(loop.events, &mio::Event::is_read_closed));
        EXPECT_TRUE(std::ranges::none_of(loop.events, &mio::Event::is_write_closed));
        EXPECT_TRUE(std::ranges::none_of(loop.events, &mio::Event::is_error));
        ASSERT_TRUE(ok(loop.registry().modify(stream, first, read_write)));
    }

    // Each event is reported once, so a program does not spin; writing still works.
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, generous_margin)));
    loop.expect_none();
    ASSERT_EQ(must(stream.write(bytes_of("still"))), 5u);
    EXPECT_EQ(plain::read_exactly(peer, 5), "still");
}

// Urgent data was reported as readable.
TEST(StreamEvents, UrgentDataIsReportedForPriorityInterestOnly) {
    if (!differences.has_priority) GTEST_SKIP() << "no priority interest on this backend";
    Loop loop;
    auto asking = plain_pair();
    auto silent = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(asking.stream, first, Interest::readable | Interest::priority)));
    ASSERT_TRUE(ok(loop.registry().add(silent.stream, second, Interest::readable)));

    // Ordinary data is not reported as priority.
    plain::write_all(asking.peer, "x");
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, generous_margin)));
    ASSERT_EQ(loop.events.size(), 1u);
    EXPECT_TRUE(loop.events[0].is_readable());
    EXPECT_FALSE(loop.events[0].is_priority());
    EXPECT_EQ(drain(asking.stream), "x");

    // Urgent data is reported with priority interest only, as both priority and readable.
    plain::send_urgent(silent.peer, '!');
    plain::await(silent.stream.raw(), POLLPRI);
    loop.expect_none();
    plain::send_urgent(asking.peer, '!');
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, generous_margin)));
    ASSERT_EQ(loop.events.size(), 1u);
    EXPECT_EQ(loop.events[0].token(), first);
    EXPECT_TRUE(loop.events[0].is_priority());
    EXPECT_TRUE(loop.events[0].is_readable());
}

// Registration requested all events instead of those of the interest.
TEST(StreamEvents, MatchTheInterest) {
    Loop loop;
    auto reader = plain_pair();
    auto writer = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(reader.stream, first, Interest::readable)));
    ASSERT_TRUE(ok(loop.registry().add(writer.stream, second, Interest::writable)));
    loop.expect({{second, Readiness::writable}});

    // Data is not reported for writable interest, nor free space for readable interest.
    plain::write_all(writer.peer, "x");
    plain::await(writer.stream.raw(), POLLIN);
    loop.expect_none();
    const auto full = fill(reader.stream, std::string(65536, 'x'));
    plain::read_exactly(reader.peer, full);
    plain::await(reader.stream.raw(), POLLOUT);
    loop.expect_none();
}

// Every operation that would block has to rearm the source; peek and raw I/O did not.
TEST(StreamEvents, EveryReadThatWouldBlockRearmsReadable) {
    Loop loop;
    auto [stream, peer] = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(stream, first, Interest::readable)));
    std::array<std::byte, 16> buffer;
    const std::array<IoSliceMut, 1> places{IoSliceMut(buffer)};
    const auto by_hand = [&] { return plain::receive(stream.raw(), buffer.data(), buffer.size()); };
    for (int kind = 0; kind < 5; ++kind) {
        plain::write_all(peer, "x");
        loop.expect({{first, Readiness::readable}});
        EXPECT_EQ(drain(stream), "x");
        switch (kind) {
        case 0: EXPECT_TRUE(blocks(stream.read(buffer))); break;
        case 1: EXPECT_TRUE(blocks(stream.peek(buffer))); break;
        case 2: EXPECT_TRUE(blocks(stream.read_vectored(places))); break;
        case 3: EXPECT_TRUE(blocks(stream.try_io(by_hand))); break;
        default: EXPECT_TRUE(blocks(stream.try_io(Interest::readable, by_hand))); break;
        }
    }
    plain::write_all(peer, "x");
    loop.expect({{first, Readiness::readable}});
}

// Rearming also rearmed the direction that had not blocked, so writable was reported endlessly.
TEST(StreamEvents, ReadThatWouldBlockDoesNotRearmWritable) {
    Loop loop;
    auto [stream, peer] = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(stream, first, read_write)));
    loop.expect({{first, Readiness::writable}});
    std::array<std::byte, 16> buffer;
    for (int round = 0; round < 3; ++round) {
        EXPECT_TRUE(blocks(stream.read(buffer)));
        loop.expect_none();
    }
}

// A failed connect was reported incorrectly.
TEST(StreamEvents, FailedConnectIsReportedAndKeepsItsError) {
    for (const auto interest : {Interest::readable, Interest::writable, read_write}) {
        Loop loop;
        const auto refusing = refusing_port();
        auto stream = must(TcpStream::connect(refusing.address));
        ASSERT_TRUE(ok(loop.registry().add(stream, first, interest)));
        loop.expect({{first, interest}});
        EXPECT_EQ(must(stream.take_error()), std::errc::connection_refused);
    }
}

// Events of a stream that was registered and destroyed at once were delivered.
TEST(StreamEvents, StreamDestroyedAfterAddIsNotReported) {
    Loop loop;
    std::vector<plain::Socket> peers;
    for (int round = 0; round < 10; ++round) {
        auto [stream, peer] = plain_pair();
        plain::write_all(peer, "x");
        plain::await(stream.raw(), POLLIN);
        ASSERT_TRUE(ok(loop.registry().add(stream, first, read_write)));
        peers.push_back(std::move(peer));
    }
    loop.expect_none();
}

// The number of a closed handle is reused (on Unix immediately) for another connection.
TEST(StreamEvents, ReusedHandleNumberReceivesNoOldEvents) {
    Loop loop;
    const auto listener = plain::listen(local_v4());
    const auto address = plain::address_of(listener);
    std::vector<plain::Socket> peers;
    for (std::size_t round = 0; round < 20; ++round) {
        auto stream = must(TcpStream::connect(address));
        // kept open, so that only the stream's number is free for reuse
        peers.push_back(plain::accept(listener));
        ASSERT_TRUE(ok(loop.registry().add(stream, Token{round}, read_write)));
        loop.expect({{Token{round}, Readiness::writable}});
        plain::write_all(peers.back(), "x");
        plain::await(stream.raw(), POLLIN);
        if (round % 2 == 0) {
            ASSERT_TRUE(ok(loop.registry().remove(stream)));
        }
        // Every second stream is destroyed with an event ready and unreported.
    }
    auto last = must(TcpStream::connect(address));
    ASSERT_TRUE(ok(loop.registry().add(last, second, Interest::writable)));
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, generous_margin)));
    ASSERT_EQ(loop.events.size(), 1u);
    EXPECT_EQ(loop.events[0].token(), second);
}

// With epoll a source can be added to another Poll after it is removed from the first.
TEST(Registry, RemovedStreamCanBeAddedToAnotherPoll) {
    Loop one;
    Loop two;
    auto [stream, peer] = plain_pair();
    ASSERT_TRUE(ok(one.registry().add(stream, first, Interest::readable)));
    ASSERT_TRUE(ok(one.registry().remove(stream)));
    ASSERT_TRUE(ok(two.registry().add(stream, second, Interest::readable)));
    plain::write_all(peer, "x");
    two.expect({{second, Readiness::readable}});
    one.expect_none();
}

// A failed registration changed the source's association.
TEST(Registry, FailedAddToAnotherPollKeepsTheRegistration) {
    Loop one;
    Loop two;
    auto [stream, peer] = plain_pair();
    ASSERT_TRUE(ok(one.registry().add(stream, first, Interest::readable)));
    for (int round = 0; round < 3; ++round) {
        EXPECT_TRUE(
            fails_with(two.registry().add(stream, second, read_write), mio::Errc::already_registered));
        EXPECT_TRUE(fails_with(two.registry().modify(stream, second, read_write), mio::Errc::other_registry));
        EXPECT_TRUE(fails_with(two.registry().remove(stream), mio::Errc::other_registry));
    }
    plain::write_all(peer, "x");
    one.expect({{first, Readiness::readable}});
    two.expect_none();
    ASSERT_TRUE(ok(one.registry().remove(stream)));
}

} // namespace
