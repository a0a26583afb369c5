// Effect of an ICMP port unreachable message on a socket.
#include <poll.h>

#include <array>
#include <cstddef>
#include <span>
#include <system_error>

#include "../udp.hpp"
#include "differences.hpp"

using namespace test;

namespace {

constexpr auto refused = std::errc::connection_refused;

class UdpRefusal : public OnEachFamily {
  protected:
    /// A socket that has just received the refusal of its peer's port.
    UdpSocket refused_socket() {
        auto socket = bound();
        must(socket.connect(closed_.address()));
        cause_refusal(socket);
        return socket;
    }
    static void cause_refusal(const UdpSocket& socket) {
        must(socket.send(bytes_of(data1)));
        ASSERT_NE(await(socket, 0) & POLLERR, 0);
    }
    SocketAddress closed() const { return closed_.address(); }

    std::array<std::byte, 20> buffer_;

  private:
    ClosedPort closed_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(, UdpRefusal, both_families, family_name);

/// Returns the only pending event.
mio::Event only_event(Loop& loop) {
    must(loop.poll.poll(loop.events, 5s));
    EXPECT_EQ(loop.events.size(), 1u);
    return loop.events.empty() ? mio::Event() : loop.events[0];
}

} // namespace

TEST_P(UdpRefusal, NewSocketIsWritableOnly) {
    auto socket = bound();
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(socket, id1, read_write)));
    const auto event = only_event(loop);
    EXPECT_EQ(event.token(), id1);
    if (mio::backend() == "epoll") {
        EXPECT_EQ(describe(event), "EPOLLOUT");
    }
    EXPECT_EQ(event.readiness(), Readiness::writable) << to_string(event);
    loop.expect_none();
}

TEST_P(UdpRefusal, RefusalIsReportedAsError) {
    if (mio::backend() != "epoll") GTEST_SKIP() << "tests epoll flags";
    auto socket = bound();
    ASSERT_TRUE(ok(socket.connect(closed())));
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(socket, id1, read_write)));
    EXPECT_EQ(describe(only_event(loop)), "EPOLLOUT");
    cause_refusal(socket);
    const auto event = only_event(loop);
    EXPECT_EQ(describe(event), "EPOLLOUT|EPOLLERR");
    EXPECT_EQ(event.readiness(),
              Readiness::readable | Readiness::writable | Readiness::error | Readiness::write_closed)
        << to_string(event);
    EXPECT_EQ(must(socket.take_error()), refused);
    loop.expect_none();
}

TEST_P(UdpRefusal, RefusalIsReportedForEveryInterest) {
    if (!differences.reports_lasting_errors) GTEST_SKIP() << "not reported as an error event";
    for (const auto interest : {Interest::readable, Interest::writable}) {
        auto socket = bound();
        ASSERT_TRUE(ok(socket.connect(closed())));
        Loop loop;
        ASSERT_TRUE(ok(loop.registry().add(socket, id1, interest)));
        cause_refusal(socket);
        loop.expect({{id1, Readiness::error}});
    }
}

TEST_P(UdpRefusal, EachRefusalIsReported) {
    const auto refusal_readiness =
        differences.reports_lasting_errors ? Readiness::error : Readiness::readable;
    auto socket = bound();
    ASSERT_TRUE(ok(socket.connect(closed())));
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(socket, id1, Interest::readable)));
    for (int i = 0; i < 3; ++i) {
        cause_refusal(socket);
        loop.expect({{id1, refusal_readiness}});
        EXPECT_TRUE(fails_with(socket.receive(buffer_), refused));
    }
    loop.expect_none();
}

TEST_P(UdpRefusal, TakeErrorReturnsTheErrorOnce) {
    const auto socket = refused_socket();
    EXPECT_EQ(must(socket.take_error()), refused);
    EXPECT_EQ(must(socket.take_error()), std::error_code());
    EXPECT_TRUE(blocks(socket.receive(buffer_)));
}

TEST_P(UdpRefusal, EveryCallReportsTheErrorOnce) {
    ReceiveBuffers buffers(2);
    EXPECT_TRUE(fails_with(refused_socket().receive(buffer_), refused));
    EXPECT_TRUE(fails_with(refused_socket().receive_from(buffer_), refused));
    EXPECT_TRUE(fails_with(refused_socket().peek(buffer_), refused));
    EXPECT_TRUE(fails_with(refused_socket().peek_from(buffer_), refused));
    EXPECT_TRUE(fails_with(refused_socket().send(bytes_of(data1)), refused));
    EXPECT_TRUE(fails_with(refused_socket().send_to(bytes_of(data1), address_of(bound())), refused));
    EXPECT_TRUE(fails_with(refused_socket().receive_many(buffers.all()), refused));
    EXPECT_TRUE(fails_with(refused_socket().send_many(NumberedDatagrams(2).all()), refused));

    const auto socket = refused_socket();
    EXPECT_TRUE(fails_with(socket.receive_many(buffers.all()), refused));
    EXPECT_TRUE(blocks(socket.receive_many(buffers.all())));
    EXPECT_EQ(must(socket.take_error()), std::error_code());
}

TEST_P(UdpRefusal, RefusalLosesNoDatagram) {
    const auto peer = bound();
    const auto socket = bound();
    ASSERT_TRUE(ok(socket.connect(address_of(peer))));
    send_text(peer, data1, address_of(socket));
    await(socket, POLLIN);
    ASSERT_TRUE(ok(socket.connect(closed())));
    cause_refusal(socket);
    ReceiveBuffers buffers(2);
    EXPECT_TRUE(fails_with(socket.receive_many(buffers.all()), refused));
    ASSERT_EQ(socket.receive_many(buffers.all()), 1u);
    EXPECT_EQ(buffers.text(0), data1);
}

TEST_P(UdpRefusal, SocketStaysUsable) {
    const auto socket = refused_socket();
    EXPECT_TRUE(fails_with(socket.receive(buffer_), refused));
    const auto peer = bound();
    ASSERT_TRUE(ok(socket.connect(address_of(peer))));
    EXPECT_EQ(socket.send(bytes_of(data1)), data1.size());
    EXPECT_EQ(next_text(peer), data1);
    send_text(peer, data2, address_of(socket));
    EXPECT_EQ(next_text(socket), data2);
}
