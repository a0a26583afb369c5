// Regression tests for known defects of Mio's backends.
#include "sockets.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <expected>
#include <iterator>
#include <system_error>
#include <thread>
#include <utility>

#include "differences.hpp"
#include "tcp.hpp"

using namespace test;

namespace {

constexpr Token first{1}, second{2};

} // namespace

TEST(Polling, RegistrationAfterAWakeDoesNotLoseTheWake) {
    Loop loop;
    const auto waker = must(mio::Waker::create(loop.registry(), first));
    auto pair = plain_pair();
    for (int round = 0; round < 10; ++round) {
        ASSERT_TRUE(ok(waker.wake()));
        ASSERT_TRUE(ok(loop.registry().add(pair.stream, second, Interest::readable)));
        loop.expect({{first, Interest::readable}});
        ASSERT_TRUE(ok(waker.wake()));
        ASSERT_TRUE(ok(loop.registry().remove(pair.stream)));
        loop.expect({{first, Interest::readable}});
    }
}

TEST(Polling, EveryWakeIsReadable) {
    Loop loop;
    const auto waker = must(mio::Waker::create(loop.registry(), first));
    const auto [here, there] = plain::socket_pair();
    mio::RawSource source(here.fd());
    ASSERT_TRUE(ok(loop.registry().add(source, second, Interest::writable, mio::Trigger::level)));
    std::atomic<bool> is_over = false;
    std::thread other([&] {
        while (!is_over) EXPECT_TRUE(ok(waker.wake()));
    });
    for (int wakes = 0; wakes < 1'000;) {
        EXPECT_TRUE(ok(loop.poll.poll(loop.events, generous_margin)));
        for (const auto& event : loop.events) {
            if (event.token() != first) continue;
            EXPECT_EQ(event.readiness(), Readiness::readable);
            ++wakes;
        }
    }
    is_over = true;
    other.join();
}

TEST(Polling, PeerShutdownDoesNotHideWouldBlock) {
    Loop loop;
    auto [here, there] = plain::socket_pair();
    mio::RawSource source(here.fd());
    ASSERT_TRUE(ok(loop.registry().add(source, first, read_write)));
    there.close();
    loop.expect({{first, Readiness::read_closed}});
    const auto blocked = source.try_io([]() -> mio::Result<> {
        return std::unexpected(std::make_error_code(std::errc::operation_would_block));
    });
    EXPECT_TRUE(blocks(blocked));
    EXPECT_TRUE(ok(loop.registry().modify(source, second, read_write)));
    EXPECT_TRUE(ok(loop.registry().remove(source)));
}

TEST(Polling, ClosedHandleDoesNotEndThePoll) {
    Loop loop;
    auto [here, there] = plain::socket_pair();
    mio::RawSource source(here.fd());
    ASSERT_TRUE(ok(loop.registry().add(source, first, read_write)));
    here.close();
    for (int i = 0; i < 3; ++i) {
        EXPECT_GE(time_of([&] { EXPECT_TRUE(ok(loop.poll.poll(loop.events, 30ms))); }), 30ms);
        EXPECT_TRUE(loop.events.empty());
    }
}

TEST(Polling, RegistrationsDoNotExtendATimeout) {
    Loop loop;
    const auto [here, there] = plain::socket_pair();
    mio::RawSource source(here.fd());
    std::atomic<bool> is_over = false;
    std::thread other([&] {
        const auto end = std::chrono::steady_clock::now() + generous_margin;
        while (!is_over && std::chrono::steady_clock::now() < end) {
            EXPECT_TRUE(ok(loop.registry().add(source, first, Interest::readable)));
            EXPECT_TRUE(ok(loop.registry().remove(source)));
        }
    });
    const auto took = time_of([&] { EXPECT_TRUE(ok(loop.poll.poll(loop.events, 200ms))); });
    is_over = true;
    other.join();
    EXPECT_GE(took, 200ms);
    EXPECT_LT(took, generous_margin);
}

TEST(Registry, FailedAddLeavesTheSourceUnchanged) {
    Loop loop;
    Loop elsewhere;
    auto pair = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(pair.stream, first, Interest::readable)));
    EXPECT_TRUE(fails_with(elsewhere.registry().add(pair.stream, second, Interest::readable),
                           mio::Errc::already_registered));
    EXPECT_TRUE(fails_with(elsewhere.registry().remove(pair.stream), mio::Errc::other_registry));
    plain::write_all(pair.peer, "x");
    loop.expect({{first, Interest::readable}});
    EXPECT_TRUE(ok(loop.registry().remove(pair.stream)));
}

TEST(Waker, CanReplaceAnEarlierWaker) {
    Loop loop;
    for (std::size_t i = 0; i < 3; ++i) {
        const auto waker = must(mio::Waker::create(loop.registry(), Token{i}));
        ASSERT_TRUE(ok(waker.wake()));
        loop.expect({{Token{i}, Interest::readable}});
    }
}

TEST(Polling, DrainingDoesNotReportWritable) {
    Loop loop;
    auto pair = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(pair.stream, first, read_write)));
    loop.expect({{first, Interest::writable}});
    loop.expect_none();
    std::array<std::byte, 16> buffer{};
    EXPECT_TRUE(blocks(pair.stream.read(buffer)));
    loop.expect_none();
}

TEST(Events, IteratorsReportTheRemainingCount) {
    Loop loop;
    const auto waker = must(mio::Waker::create(loop.registry(), first));
    const auto other = must(mio::Waker::create(loop.registry(), second));
    ASSERT_TRUE(ok(waker.wake()));
    ASSERT_TRUE(ok(other.wake()));
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 500ms)));
    std::ptrdiff_t left = 2;
    for (auto at = loop.events.begin(); at != loop.events.end(); ++at, --left)
        EXPECT_EQ(std::distance(at, loop.events.end()), left);
    EXPECT_EQ(left, 0);
}

TEST(Sockets, AreNonBlockingAndNotInherited) {
    const auto tcp = tcp_pair();
    const auto listener = must(TcpListener::bind(local_v4()));
    const auto socket = must(TcpSocket::v6());
    const auto udp = must(mio::net::UdpSocket::bind(local_v4()));
    for (const auto handle : {tcp.client.raw(), listener.raw(), socket.raw(), udp.raw()}) {
        expect_non_blocking(handle);
        EXPECT_TRUE(is_close_on_exec(handle));
    }
}
