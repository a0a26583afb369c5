// What went wrong with Mio before, by its number in the list of lessons, as far as TCP is concerned and no other test
// is about it.
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "differences.hpp"
#include "sandbox.hpp"
#include "tcp.hpp"

using namespace test;

namespace {

constexpr Token first{1};
constexpr Token second{2};

// EAGAIN from connect was taken for success.
TEST(H16, OnlyInProgressMeansThatConnectingHasBegun) {
    if (!can_forbid_system_calls()) GTEST_SKIP() << "no system call filters here";
    for (const int error : {EAGAIN, EINTR, EALREADY, EISCONN, ENOBUFS}) {
        EXPECT_TRUE(holds_in_child([error] {
            const auto listener = plain::listen(local_v4());
            const auto address = plain::address_of(listener);
            ASSERT_TRUE(forbid_system_call(SYS_connect, error));
            const DescriptorGuard guard;
            EXPECT_TRUE(fails_with(TcpStream::connect(address), std::error_code(error, mio::os_category())));

            // The socket is still there for another attempt.
            auto socket = must(TcpSocket::v4());
            EXPECT_FALSE(std::move(socket).connect(address));
            EXPECT_NE(socket.raw(), mio::invalid_handle);
        }));
    }
    EXPECT_TRUE(holds_in_child([] {
        ASSERT_TRUE(forbid_system_call(SYS_connect, EINPROGRESS));
        EXPECT_TRUE(ok(TcpStream::connect({IpAddress::loopback_v4(), 80})));
    }));
}

// The clone of a registry, and the waker's own descriptor, were inherited by child processes.
TEST(H22AndH23, NothingThatTheLibraryOpensIsInherited) {
    const auto before = open_descriptors();
    const auto poll = must(mio::Poll::create());
    const auto clone = must(poll.registry().try_clone());
    const auto clone_of_clone = must(clone.try_clone());
    const auto waker = must(mio::Waker::create(clone, first));
    const auto other_waker = must(mio::Waker::create(clone_of_clone, second));
    const auto pair = tcp_pair();
    const auto listener = must(TcpListener::bind(local_v6()));
    const auto peer = must(TcpStream::connect(must(listener.local_address())));
    plain::await(listener.raw(), POLLIN);
    const auto accepted = must(listener.accept());
    const auto socket = must(TcpSocket::v6());
    if (differences.has_a_descriptor) {
        EXPECT_TRUE(is_close_on_exec(clone.raw_fd()));
    }

    std::size_t opened = 0;
    for (const int fd : open_descriptors()) {
        if (before.contains(fd)) continue;
        ++opened;
        EXPECT_TRUE(is_close_on_exec(fd)) << fd;
    }
    EXPECT_GE(opened, 7u);
}

// Non-blocking and close-on-exec are flags of different kinds, and one was passed for the other.
TEST(H24, SocketsHaveBothFlagsEachInItsPlace) {
    const auto listener = must(TcpListener::bind(local_v4()));
    const auto stream = must(TcpStream::connect(must(listener.local_address())));
    plain::await(listener.raw(), POLLIN);
    const auto accepted = must(listener.accept()).first;
    for (const int fd : {listener.raw(), stream.raw(), accepted.raw()}) {
        EXPECT_EQ(::fcntl(fd, F_GETFD), FD_CLOEXEC);
        EXPECT_EQ(::fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
    }
}

// One flag for hanging up told too much.
TEST(H50AndH52, AHalfClosedPeerIsNotTakenForAClosedOne) {
    Loop loop;
    auto [stream, peer] = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(stream, first, read_write)));
    loop.expect({{first, Readiness::writable}});
    ASSERT_EQ(::shutdown(peer.fd(), SHUT_WR), 0);

    // The end of reading is reported, the end of writing is not, whoever asks for it again.
    plain::await(stream.raw(), POLLRDHUP);
    for (int round = 0; round < 3; ++round) {
        ASSERT_TRUE(ok(loop.poll.poll(loop.events, generous_margin)));
        EXPECT_TRUE(std::ranges::any_of(loop.events, &mio::Event::is_read_closed));
        EXPECT_TRUE(std::ranges::none_of(loop.events, &mio::Event::is_write_closed));
        EXPECT_TRUE(std::ranges::none_of(loop.events, &mio::Event::is_error));
        ASSERT_TRUE(ok(loop.registry().modify(stream, first, read_write)));
    }

    // It is reported as often as it happens, so that nobody spins; and writing does work.
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, generous_margin)));
    loop.expect_none();
    ASSERT_EQ(must(stream.write(bytes_of("still"))), 5u);
    EXPECT_EQ(plain::read_exactly(peer, 5), "still");
}

// A pipe whose reader is gone may tell so by nothing but an error.
TEST(H51, AnErrorAloneMeansThatNothingCanBeWritten) {
    Loop loop;
    auto [receiver, sender] = plain::pipe();
    sender.set_non_blocking();
    const std::string block(4096, 'x');
    while (::write(sender.fd(), block.data(), block.size()) > 0) {
    }
    mio::RawSource source(sender.fd());
    ASSERT_TRUE(ok(loop.registry().add(source, first, Interest::writable)));
    loop.expect_none();
    receiver.close();
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, generous_margin)));
    ASSERT_EQ(loop.events.size(), 1u);
    EXPECT_TRUE(loop.events[0].is_write_closed());
    EXPECT_EQ(loop.events[0].is_error(), differences.reports_lasting_errors);
    EXPECT_FALSE(loop.events[0].is_read_closed());
    ASSERT_TRUE(ok(loop.registry().remove(source)));
}

// Urgent data was mixed up with readable data.
TEST(H54AndH55, UrgentDataIsReportedAsSuchAndToThoseWhoAsked) {
    if (!differences.has_priority) GTEST_SKIP() << "no priority interest here";
    Loop loop;
    auto asking = plain_pair();
    auto silent = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(asking.stream, first, Interest::readable | Interest::priority)));
    ASSERT_TRUE(ok(loop.registry().add(silent.stream, second, Interest::readable)));

    // Ordinary data is no priority.
    plain::write_all(asking.peer, "x");
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, generous_margin)));
    ASSERT_EQ(loop.events.size(), 1u);
    EXPECT_TRUE(loop.events[0].is_readable());
    EXPECT_FALSE(loop.events[0].is_priority());
    EXPECT_EQ(drain(asking.stream), "x");

    // Urgent data is, and is also worth a look by those who read; who did not ask is not told.
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

// Registering asked for all events instead of those that were wanted.
TEST(H59, InterestsAreHonouredExactly) {
    Loop loop;
    auto reader = plain_pair();
    auto writer = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(reader.stream, first, Interest::readable)));
    ASSERT_TRUE(ok(loop.registry().add(writer.stream, second, Interest::writable)));
    loop.expect({{second, Readiness::writable}});

    // Who writes is not told of data, who reads not of room.
    plain::write_all(writer.peer, "x");
    plain::await(writer.stream.raw(), POLLIN);
    loop.expect_none();
    const auto full = fill(reader.stream, std::string(65536, 'x'));
    plain::read_exactly(reader.peer, full);
    plain::await(reader.stream.raw(), POLLOUT);
    loop.expect_none();
}

// Every operation that can block has to arm the source again; peek and raw I/O did not.
TEST(H70AndH71, EveryKindOfReadingThatWouldBlockIsFollowedByAnEvent) {
    Loop loop;
    auto [stream, peer] = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(stream, first, Interest::readable)));
    std::array<std::byte, 16> buffer;
    const std::array<IoSliceMut, 1> places{IoSliceMut(buffer)};
    const auto by_hand = [&]() -> mio::Result<std::size_t> {
        const auto got = ::recv(stream.raw(), buffer.data(), buffer.size(), 0);
        if (got == -1) return std::unexpected(std::error_code(errno, mio::os_category()));
        return static_cast<std::size_t>(got);
    };
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

// Re-arming brought back the direction that had not blocked, and a reader was told of room to write for ever.
TEST(H74, AReadThatWouldBlockIsNotFollowedByAWritableEvent) {
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

// A failed attempt to connect was reported wrongly.
TEST(H97, AFailedAttemptGivesAnEventAndLeavesItsReason) {
    for (const auto interest : {Interest::readable, Interest::writable, read_write}) {
        Loop loop;
        const auto nobody = refusing_port();
        auto stream = must(TcpStream::connect(nobody.address));
        ASSERT_TRUE(ok(loop.registry().add(stream, first, interest)));
        loop.expect({{first, interest}});
        EXPECT_EQ(must(stream.take_error()), std::errc::connection_refused);
    }
}

// Reading before the connection exists is would-block, not an error that ends it.
TEST(H99, ReadingTooEarlyDoesNoHarm) {
    const auto full = full_listener();
    const auto stream = must(TcpStream::connect(full.address));
    std::array<std::byte, 16> buffer;
    EXPECT_TRUE(blocks(stream.read(buffer)));
    EXPECT_TRUE(blocks(stream.peek(buffer)));
    EXPECT_FALSE(must(stream.finish_connect()));
}

// An event of a stream that was registered and closed at once.
TEST(H116, AStreamThatIsAddedAndDestroyedAtOnceIsNotReported) {
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

// The number of a closed descriptor comes back at once, and stands for another connection.
TEST(H130, AConnectionThatGetsTheNumberOfAnotherGetsNoneOfItsEvents) {
    Loop loop;
    const auto listener = plain::listen(local_v4());
    const auto address = plain::address_of(listener);
    std::vector<plain::Socket> peers;
    std::optional<int> number;
    for (std::size_t round = 0; round < 20; ++round) {
        auto stream = must(TcpStream::connect(address));
        peers.push_back(plain::accept(listener)); // kept, so that only the stream's number is free again
        if (!number) number = stream.raw();
        ASSERT_EQ(stream.raw(), *number);
        ASSERT_TRUE(ok(loop.registry().add(stream, Token{round}, read_write)));
        loop.expect({{Token{round}, Readiness::writable}});
        plain::write_all(peers.back(), "x");
        plain::await(stream.raw(), POLLIN);
        if (round % 2 == 0) {
            ASSERT_TRUE(ok(loop.registry().remove(stream)));
        }
        // The other half is destroyed with an event ready and unreported.
    }
    auto last = must(TcpStream::connect(address));
    ASSERT_TRUE(ok(loop.registry().add(last, second, Interest::writable)));
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, generous_margin)));
    ASSERT_EQ(loop.events.size(), 1u);
    EXPECT_EQ(loop.events[0].token(), second);
    EXPECT_EQ(last.raw(), *number);
}

// On epoll a source may go to another Poll, once it has left the first.
TEST(H142, AStreamMayGoToAnotherPollAfterItWasRemoved) {
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

// A failed registration changed who the source thought it belonged to.
TEST(H143, AStreamBelongsToItsPollHoweverOftenOthersAreAsked) {
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

// A registration that the kernel refused left the source registered, or nothing to undo it by.
TEST(H143, AStreamThatTheKernelRefusedCanBeAddedLater) {
    if (mio::backend() != "epoll") GTEST_SKIP() << "makes epoll_ctl fail";
    if (!can_forbid_system_calls()) GTEST_SKIP() << "no system call filters here";
    EXPECT_TRUE(holds_in_child([] {
        Loop loop;
        auto pair = tcp_pair();
        ASSERT_TRUE(ok(loop.registry().add(pair.server, first, Interest::readable)));
        ASSERT_TRUE(forbid_system_call(SYS_epoll_ctl, ENOSPC));
        EXPECT_TRUE(fails_with(loop.registry().add(pair.client, second, read_write),
                               std::error_code(ENOSPC, mio::os_category())));
        EXPECT_TRUE(fails_with(loop.registry().remove(pair.client), mio::Errc::not_registered));
        EXPECT_TRUE(fails_with(loop.registry().modify(pair.server, second, read_write),
                               std::error_code(ENOSPC, mio::os_category())));
        EXPECT_TRUE(
            fails_with(loop.registry().remove(pair.server), std::error_code(ENOSPC, mio::os_category())));

        // What is registered is so as before.
        EXPECT_TRUE(
            fails_with(loop.registry().add(pair.server, second, read_write), mio::Errc::already_registered));
        ASSERT_EQ(must(pair.client.write(bytes_of("x"))), 1u);
        loop.expect({{first, Readiness::readable}});
    }));
}

} // namespace
