// Every failure is visible through `is_readable` and `is_writable` alone: a program that checks only these neither
// hangs nor spins.
#include <array>
#include <cstddef>
#include <expected>
#include <string>
#include <system_error>
#include <type_traits>

#include "tcp.hpp"

#include "failing_sources.hpp"

using namespace test;
using mio::net::UdpSocket;

namespace {

// A UDP socket connected to a port whose owner accepts datagrams from itself only.
struct Refused {
    UdpSocket closed = must(UdpSocket::bind(local_v4()));
    UdpSocket socket = must(UdpSocket::bind(local_v4()));

    Refused() {
        must(closed.connect(must(closed.local_address())));
        must(socket.connect(must(closed.local_address())));
    }
    void be_refused() const { must(socket.send(bytes_of("x"))); }
    auto receiving() const {
        return [this, buffer = std::array<std::byte, 64>()]() mutable { return socket.receive(buffer); };
    }
    auto sending() const {
        return [this]() -> mio::Result<std::size_t> {
            // Send one datagram per event; each is refused.
            auto sent = socket.send(bytes_of("x"));
            if (!sent) return sent;
            return std::unexpected(std::make_error_code(std::errc::operation_would_block));
        };
    }
};

} // namespace

TEST_P(FailingSource, ReceivingReportsRefusedDatagram) {
    if (!reports_refused_datagrams()) GTEST_SKIP() << "refused datagrams are not reported";
    Refused refused;
    PlainProgram program(GetParam());
    program.watch(refused.socket, Interest::readable);
    program.poll_once();
    refused.be_refused();
    program.run(refused.receiving(), nullptr);
}

TEST_P(FailingSource, SendingReportsRefusedDatagram) {
    if (!reports_refused_datagrams()) GTEST_SKIP() << "refused datagrams are not reported";
    if (!refusal_fails_sending) GTEST_SKIP() << "only receiving reports the refusal";
    Refused refused;
    PlainProgram program(GetParam());
    program.watch(refused.socket, Interest::writable);
    program.poll_once();
    refused.be_refused();
    program.run(nullptr, refused.sending());
}

TEST_P(FailingSource, ResetStreamEndsBothDirections) {
    for (const auto interest : {Interest::readable, Interest::writable}) {
        auto [stream, peer] = plain_pair();
        PlainProgram program(GetParam());
        program.watch(stream, interest);
        program.poll_once();
        set_linger_zero(peer.fd());
        peer.close();
        plain::await_end(stream.raw());
        if (interest.is_readable()) {
            program.run(reading(stream), nullptr);
        } else {
            program.run(nullptr, writing(stream));
        }
    }
}

INSTANTIATE_TEST_SUITE_P(, FailingSource, testing::Values(mio::Trigger::edge, mio::Trigger::level),
                         trigger_name);
