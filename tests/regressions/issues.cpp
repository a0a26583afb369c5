// Reports about Mio that it keeps as tests, for TCP.
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

// Dropping a registered stream did not close it promptly.
TEST(Issue776, DestroyingARegisteredStreamClosesItAtOnceAndCancelsItsEvents) {
    Loop loop;
    auto pair = plain_pair();
    std::optional<TcpStream> stream(std::move(pair.stream));
    ASSERT_TRUE(ok(loop.registry().add(*stream, Token{1}, read_write)));
    loop.expect({{Token{1}, Readiness::writable}});

    // The peer is in a blocking read, which ends when the stream does: while the Poll still lives.
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

// An event that the kernel had ready was delivered after its source was deregistered.
TEST(Issue1205, AnEventThatIsReadyIsNotReportedOnceItsSourceIsRemoved) {
    Loop loop;
    const auto waker = must(mio::Waker::create(loop.registry(), Token{10}));
    auto listener = must(TcpListener::bind(local_v4()));
    ASSERT_TRUE(ok(loop.registry().add(listener, Token{1}, Interest::readable)));
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 0ns)));
    EXPECT_TRUE(loop.events.empty());

    // A connection comes and is not reported any more: what ends the wait is the waker alone.
    const auto peer = plain::connect(must(listener.local_address()));
    plain::await(listener.raw(), POLLIN);
    ASSERT_TRUE(ok(loop.registry().remove(listener)));
    std::jthread waking([&] {
        std::this_thread::sleep_for(200ms); // so that the poll waits; it is right also if it does not
        must(waker.wake());
    });
    ASSERT_TRUE(ok(loop.poll.poll(loop.events)));
    ASSERT_EQ(loop.events.size(), 1u);
    EXPECT_EQ(loop.events[0].token(), Token{10});
    EXPECT_TRUE(loop.events[0].is_readable());
}

} // namespace
