// Effect of an ICMP port unreachable message on a socket.
#include "sockets.hpp"

#include <array>
#include <cstddef>
#include <span>
#include <system_error>

#include "udp.hpp"

using namespace test;

namespace {

class UdpErrors : public OnEachFamily {
  protected:
    SocketAddress closed() const { return closed_.address(); }

    std::array<std::byte, 20> buffer_;

  private:
    ClosedPort closed_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(, UdpErrors, both_families, family_name);

/// Returns the only pending event.
mio::Event only_event(Loop& loop) {
    must(loop.poll.poll(loop.events, 5s));
    EXPECT_EQ(loop.events.size(), 1u);
    return loop.events.empty() ? mio::Event() : loop.events[0];
}

} // namespace

TEST_P(UdpErrors, NewSocketIsWritableOnly) {
    auto socket = bound();
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(socket, id1, read_write)));
    const auto event = only_event(loop);
    EXPECT_EQ(event.token(), id1);
    EXPECT_EQ(event.readiness(), Readiness::writable) << to_string(event);
    loop.expect_none();
}

TEST_P(UdpErrors, UnconnectedSocketReportsNoRefusal) {
    const auto socket = bound();
    const InOrder order;
    send_text(socket, data1, closed());
    // Two round trips: the ICMP message is sent only after the first datagram has arrived.
    order.settle();
    order.settle();
    EXPECT_EQ(must(socket.take_error()), std::error_code());
    EXPECT_TRUE(blocks(socket.receive(buffer_)));
    send_text(socket, data2, closed());
}
