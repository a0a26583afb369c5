// Regression tests that Mio keeps for reported issues, for TCP.
#include "sockets.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <thread>
#include <utility>

#include "tcp.hpp"

using namespace test;

namespace {

// Mio issue 776: dropping a registered stream did not close it promptly.
TEST(Removal, DestroyingARegisteredStreamClosesItImmediatelyAndCancelsItsEvents) {
    Loop loop;
    auto pair = plain_pair();
    std::optional<TcpStream> stream(std::move(pair.stream));
    ASSERT_TRUE(ok(loop.registry().add(*stream, Token{1}, read_write)));
    loop.expect({{Token{1}, Readiness::writable}});

    // The peer blocks in a read that ends when the stream is destroyed, while the Poll still exists.
    mio::Result<std::size_t> got = 1;
    std::jthread reading([&] {
        char byte = 0;
        got = plain::receive(pair.peer.fd(), &byte, 1);
    });
    stream.reset();
    reading.join();
    EXPECT_EQ(must(got), 0u);
    loop.expect_none();
}

// Mio issue 1205: a pending event was delivered after its source was deregistered.
TEST(Removal, PendingEventOfARemovedSourceIsNotReported) {
    Loop loop;
    const auto waker = must(mio::Waker::create(loop.registry(), Token{10}));
    auto listener = must(TcpListener::bind(local_v4()));
    ASSERT_TRUE(ok(loop.registry().add(listener, Token{1}, Interest::readable)));
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 0ns)));
    EXPECT_TRUE(loop.events.empty());

    // A connection arrives and is not reported: only the waker ends the wait.
    const auto peer = plain::connect(must(listener.local_address()));
    plain::await(listener.raw(), POLLIN);
    ASSERT_TRUE(ok(loop.registry().remove(listener)));
    std::jthread waking([&] {
        // the poll is most likely blocked by then; the test holds in either case
        std::this_thread::sleep_for(200ms);
        must(waker.wake());
    });
    ASSERT_TRUE(ok(loop.poll.poll(loop.events)));
    ASSERT_EQ(loop.events.size(), 1u);
    EXPECT_EQ(loop.events[0].token(), Token{10});
    EXPECT_TRUE(loop.events[0].is_readable());
}

} // namespace
