// The error queue: ICMP errors with their details, and completions of zero-copy sends.
#include <time.h>

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "../udp.hpp"
#include "differences.hpp"

using namespace test;
using mio::Trigger;
using mio::net::DatagramError;
using mio::net::DatagramInfo;
using mio::net::ErrorOrigin;

namespace {

constexpr auto refused = std::errc::connection_refused;

/// On the test double of kqueue an error makes the socket readable.
const auto error_readiness = differences.reports_lasting_errors ? Readiness::error : Readiness::readable;

class UdpErrorQueue : public OnEachFamily {
  protected:
    SocketAddress closed() const { return closed_.address(); }
    /// A socket with an error queue.
    static UdpSocket queueing() {
        auto socket = bound();
        must(socket.set_receive_errors(true));
        return socket;
    }
    /// Sends to a port without a receiver and waits for the error.
    void cause_refusal(const UdpSocket& socket, std::string_view text = data1) const {
        // The error of an earlier refusal would end the call.
        static_cast<void>(socket.take_error());
        send_text(socket, text, closed());
        ASSERT_NE(await(socket, 0) & POLLERR, 0);
    }
    void expect_refusal(const DatagramError& error) const {
        const bool is_v4 = GetParam().ip().is_v4();
        EXPECT_EQ(error.origin, is_v4 ? ErrorOrigin::icmp : ErrorOrigin::icmp_v6);
        EXPECT_EQ(error.error, refused);
        // Destination unreachable, port unreachable.
        EXPECT_EQ(error.icmp_type, is_v4 ? 3 : 1);
        EXPECT_EQ(error.icmp_code, is_v4 ? 3 : 4);
        EXPECT_EQ(error.destination, closed());
        EXPECT_EQ(error.offender, GetParam().ip());
        EXPECT_EQ(error.mtu, 0u);
        EXPECT_FALSE(error.was_copied);
    }

    std::array<std::byte, 64> buffer_;

  private:
    ClosedPort closed_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(, UdpErrorQueue, both_families, family_name);

} // namespace

TEST_P(UdpErrorQueue, IsOffUntilItIsSet) {
    const auto socket = bound();
    EXPECT_EQ(socket.receive_errors(), false);
    EXPECT_TRUE(blocks(socket.receive_error()));
    ASSERT_TRUE(ok(socket.set_receive_errors(true)));
    EXPECT_EQ(socket.receive_errors(), true);
    EXPECT_TRUE(blocks(socket.receive_error()));
    ASSERT_TRUE(ok(socket.set_receive_errors(false)));
    EXPECT_EQ(socket.receive_errors(), false);
}

TEST_P(UdpErrorQueue, RefusalNamesDestinationAndOffender) {
    const auto socket = queueing();
    cause_refusal(socket);
    const auto error = must(socket.receive_error(buffer_));
    expect_refusal(error);
    EXPECT_EQ(text_of(std::span(buffer_).first(error.size)), data1);
    EXPECT_TRUE(blocks(socket.receive_error(buffer_)));
    EXPECT_EQ(must(socket.take_error()), std::error_code()) << "taking the entry discards the pending error";
}

TEST_P(UdpErrorQueue, RefusalOfAConnectedSocketIsQueuedToo) {
    const auto socket = queueing();
    ASSERT_TRUE(ok(socket.connect(closed())));
    ASSERT_EQ(socket.send(bytes_of(data1)), data1.size());
    ASSERT_NE(await(socket, 0) & POLLERR, 0);
    expect_refusal(must(socket.receive_error(buffer_)));
}

TEST_P(UdpErrorQueue, RefusalIsAlsoTheErrorOfALaterCall) {
    const auto socket = queueing();
    cause_refusal(socket);
    EXPECT_TRUE(fails_with(socket.receive(buffer_), refused));
    EXPECT_TRUE(blocks(socket.receive(buffer_)));
    expect_refusal(must(socket.receive_error()));
}

TEST_P(UdpErrorQueue, ShortBufferHoldsTheBeginning) {
    const auto socket = queueing();
    cause_refusal(socket);
    cause_refusal(socket);
    EXPECT_EQ(must(socket.receive_error(std::span(buffer_).first(5))).size, 5u);
    EXPECT_EQ(text_of(std::span(buffer_).first(5)), data1.substr(0, 5));
    const auto error = must(socket.receive_error());
    EXPECT_EQ(error.size, 0u);
    expect_refusal(error);
}

TEST_P(UdpErrorQueue, EntriesComeInOrder) {
    const auto socket = queueing();
    const std::array<std::string_view, 3> texts{"one", "two", "three"};
    for (const auto text : texts) cause_refusal(socket, text);
    for (const auto text : texts) {
        const auto error = must(socket.receive_error(buffer_));
        expect_refusal(error);
        EXPECT_EQ(text_of(std::span(buffer_).first(error.size)), text);
    }
    EXPECT_TRUE(blocks(socket.receive_error()));
}

TEST_P(UdpErrorQueue, ReceivedPropertiesLeaveRoomForTheEntry) {
    const auto socket = queueing();
    ASSERT_TRUE(ok(socket.set_receive_info(must(socket.supported_info()))));
    cause_refusal(socket);
    expect_refusal(must(socket.receive_error(buffer_)));
}

TEST_P(UdpErrorQueue, DatagramTooLongForThePathReportsTheMtu) {
    const auto socket = queueing();
    const bool is_v4 = GetParam().ip().is_v4();
    // The kernel refuses to fragment; the MTU of loopback is 65,536.
    set_raw_option(socket, is_v4 ? IPPROTO_IP : IPPROTO_IPV6, is_v4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER,
                   is_v4 ? IP_PMTUDISC_DO : IPV6_PMTUDISC_DO);
    const auto receiver = bound();
    ASSERT_TRUE(ok(socket.connect(address_of(receiver))));
    if (is_v4) GTEST_SKIP() << "no IPv4 datagram is longer than loopback's MTU";
    const std::string text(65'527, 'x');
    ASSERT_TRUE(fails_with(socket.send(bytes_of(text)), std::errc::message_size));
    const auto error = must(socket.receive_error(buffer_));
    EXPECT_EQ(error.origin, ErrorOrigin::local);
    EXPECT_EQ(error.error, std::errc::message_size);
    EXPECT_EQ(error.mtu, 65'536u);
    EXPECT_EQ(error.destination, address_of(receiver));
}

TEST(UdpErrorQueueDualStack, RefusalByAV4HostIsReportedInMappedForm) {
    const auto dual = UdpSocket::bind({IpAddress::any_v6(), 0});
    if (!dual) GTEST_SKIP() << "no IPv6: " << dual.error().message();
    const ClosedPort closed(local_v4());
    ASSERT_TRUE(ok(dual->set_receive_errors(true)));
    const auto mapped = must(IpAddress::parse("::ffff:127.0.0.1"));
    send_text(*dual, data1, {mapped, closed.address().port()});
    ASSERT_NE(await(*dual, 0) & POLLERR, 0);
    const auto error = must(dual->receive_error());
    EXPECT_EQ(error.origin, ErrorOrigin::icmp);
    EXPECT_EQ(error.error, refused);
    EXPECT_EQ(error.destination, SocketAddress(mapped, closed.address().port()));
    EXPECT_EQ(error.offender, mapped);
}

TEST_P(UdpErrorQueue, EachEntryCausesAnEventOnceDrained) {
    auto socket = queueing();
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(socket, id1, Interest::readable)));
    for (int i = 0; i < 3; ++i) {
        cause_refusal(socket);
        loop.expect({{id1, error_readiness}});
        expect_refusal(must(socket.receive_error()));
        EXPECT_TRUE(blocks(socket.receive_error()));
        loop.expect_none();
    }
}

TEST_P(UdpErrorQueue, EntryThatArrivesWhileDrainingCausesAnEvent) {
    auto socket = queueing();
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(socket, id1, Interest::readable)));
    cause_refusal(socket);
    loop.expect({{id1, error_readiness}});
    expect_refusal(must(socket.receive_error()));
    EXPECT_TRUE(blocks(socket.receive_error()));
    // Before the next poll.
    cause_refusal(socket);
    loop.expect({{id1, error_readiness}});
}

TEST_P(UdpErrorQueue, EntryIsReportedForEveryInterest) {
    if (!differences.reports_lasting_errors) GTEST_SKIP() << "not reported as an error event";
    for (const auto interest : {Interest::readable, Interest::writable, read_write}) {
        auto socket = queueing();
        Loop loop;
        ASSERT_TRUE(ok(loop.registry().add(socket, id1, interest)));
        cause_refusal(socket);
        loop.expect({{id1, Readiness::error}});
    }
}

TEST_P(UdpErrorQueue, LevelTriggerReportsUntilDrained) {
    auto socket = queueing();
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(socket, id1, Interest::readable, Trigger::level)));
    cause_refusal(socket);
    cause_refusal(socket);
    for (int i = 0; i < 2; ++i) {
        loop.expect({{id1, error_readiness}});
        loop.expect({{id1, error_readiness}});
        expect_refusal(must(socket.receive_error()));
    }
    loop.expect_none();
}

namespace {

class UdpZeroCopy : public OnEachFamily {
  protected:
    /// Receives everything that was sent.
    static void receive_all(const UdpSocket& receiver, std::size_t count) {
        ReceiveBuffers buffers(count, 4'096);
        for (std::size_t received = 0; received < count;) {
            await(receiver, POLLIN);
            received += must(receiver.receive_many(buffers.all()));
        }
    }
};
INSTANTIATE_TEST_SUITE_P(, UdpZeroCopy, both_families, family_name);

} // namespace

TEST_P(UdpZeroCopy, IsOffUntilItIsSet) {
    const auto socket = bound();
    EXPECT_EQ(socket.zero_copy(), false);
    ASSERT_TRUE(ok(socket.set_zero_copy(true)));
    EXPECT_EQ(socket.zero_copy(), true);
}

TEST_P(UdpZeroCopy, EachDatagramIsCompletedOnceInOrder) {
    constexpr std::size_t total = 130;
    const auto receiver = with_large_receive_buffer(GetParam());
    auto sender = bound();
    ASSERT_TRUE(ok(sender.set_zero_copy(true)));
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(sender, id1, Interest::readable)));
    const std::string text(3'000, 'x');
    const std::vector<OutgoingDatagram> datagrams(10,
                                                  {.bytes = bytes_of(text), .peer = address_of(receiver)});
    std::uint32_t next = 0;
    while (next < total) {
        ASSERT_EQ(sender.send_many_zero_copy(datagrams), datagrams.size());
        receive_all(receiver, datagrams.size());
        for (const auto end = next + datagrams.size(); next < end;) {
            loop.expect({{id1, error_readiness}});
            ASSERT_FALSE(HasFailure());
            while (true) {
                const auto completed = sender.receive_error();
                if (!completed) {
                    ASSERT_TRUE(blocks(completed));
                    break;
                }
                EXPECT_EQ(completed->origin, ErrorOrigin::zero_copy);
                EXPECT_EQ(completed->error, std::error_code());
                EXPECT_EQ(completed->first_sent, next);
                ASSERT_GE(completed->last_sent, next);
                ASSERT_LT(completed->last_sent, end);
                EXPECT_TRUE(completed->was_copied) << "loopback copies";
                next = completed->last_sent + 1;
            }
        }
    }
    loop.expect_none();
}

TEST_P(UdpZeroCopy, OrdinarySendsAreNotCounted) {
    const auto receiver = bound();
    const auto sender = bound();
    ASSERT_TRUE(ok(sender.set_zero_copy(true)));
    const OutgoingDatagram datagram{.bytes = bytes_of(data1), .peer = address_of(receiver)};
    for (std::uint32_t i = 0; i < 3; ++i) {
        ASSERT_EQ(sender.send_many({&datagram, 1}), 1u);
        ASSERT_EQ(sender.send_many_zero_copy({&datagram, 1}), 1u);
        EXPECT_EQ(next_text(receiver), data1);
        EXPECT_EQ(next_text(receiver), data1);
        ASSERT_NE(await(sender, 0) & POLLERR, 0);
        const auto completed = must(sender.receive_error());
        EXPECT_EQ(completed.origin, ErrorOrigin::zero_copy);
        EXPECT_EQ(completed.first_sent, i);
        EXPECT_EQ(completed.last_sent, i);
        EXPECT_TRUE(blocks(sender.receive_error()));
    }
}

TEST_P(UdpZeroCopy, WithoutTheOptionBytesAreCopiedWithoutCompletion) {
    const auto receiver = bound();
    const auto sender = bound();
    const OutgoingDatagram datagram{.bytes = bytes_of(data1), .peer = address_of(receiver)};
    ASSERT_EQ(sender.send_many_zero_copy({&datagram, 1}), 1u);
    EXPECT_EQ(next_text(receiver), data1);
    EXPECT_TRUE(blocks(sender.receive_error()));
}
