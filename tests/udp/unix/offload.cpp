// Segmentation and receive offload (GSO, GRO).
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <system_error>

#include "../udp.hpp"

using namespace test;

namespace {

class UdpOffload : public OnEachFamily {
  protected:
    /// Four segments of 100 bytes: aaa…, bbb…, ccc…, ddd…
    const std::string four_ =
        std::string(100, 'a') + std::string(100, 'b') + std::string(100, 'c') + std::string(100, 'd');
    std::string segment(std::size_t index) const { return four_.substr(100 * index, 100); }
};
INSTANTIATE_TEST_SUITE_P(, UdpOffload, both_families, family_name);

} // namespace

TEST_P(UdpOffload, IsOffUntilItIsSet) {
    const auto socket = bound();
    EXPECT_EQ(socket.segment_size(), 0);
    EXPECT_EQ(socket.receive_offload(), false);
    ASSERT_TRUE(ok(socket.set_segment_size(1'200)));
    EXPECT_EQ(socket.segment_size(), 1'200);
    ASSERT_TRUE(ok(socket.set_segment_size(65'535)));
    EXPECT_EQ(socket.segment_size(), 65'535);
    ASSERT_TRUE(ok(socket.set_segment_size(0)));
    EXPECT_EQ(socket.segment_size(), 0);
    ASSERT_TRUE(ok(socket.set_receive_offload(true)));
    EXPECT_EQ(socket.receive_offload(), true);
    ASSERT_TRUE(ok(socket.set_receive_offload(false)));
    EXPECT_EQ(socket.receive_offload(), false);
}

TEST_P(UdpOffload, SplitsOneSendIntoDatagrams) {
    const auto receiver = bound();
    const auto sender = bound();
    const InOrder order;
    ASSERT_TRUE(ok(sender.set_segment_size(100)));
    send_text(sender, four_, address_of(receiver));
    send_text(sender, std::string_view(four_).substr(0, 150), address_of(receiver));
    send_text(sender, "short", address_of(receiver));
    order.settle();
    ReceiveBuffers buffers(10, 400);
    ASSERT_EQ(receiver.receive_many(buffers.all()), 7u);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(buffers.text(i), segment(i));
    EXPECT_EQ(buffers.text(4), segment(0));
    EXPECT_EQ(buffers.text(5), segment(1).substr(0, 50));
    EXPECT_EQ(buffers.text(6), "short");
    for (std::size_t i = 0; i < 7; ++i) {
        EXPECT_EQ(buffers[i].segment_size, 0);
        EXPECT_FALSE(buffers[i].truncated);
        EXPECT_EQ(buffers[i].peer, address_of(sender));
    }
    // Then once with send_many.
    ASSERT_TRUE(ok(sender.set_segment_size(0)));
    send_text(sender, four_, address_of(receiver));
    EXPECT_EQ(next_text(receiver), four_);
}

TEST_P(UdpOffload, SplitsSendAndSendMany) {
    const auto receiver = bound();
    const auto sender = bound();
    const InOrder order;
    ASSERT_TRUE(ok(sender.connect(address_of(receiver))));
    ASSERT_TRUE(ok(sender.set_segment_size(100)));
    EXPECT_EQ(sender.send(bytes_of(four_)), 400u);
    const std::array<OutgoingDatagram, 2> datagrams{{{bytes_of(four_)}, {bytes_of("end")}}};
    EXPECT_EQ(sender.send_many(datagrams), 2u);
    order.settle();
    ReceiveBuffers buffers(10, 400);
    ASSERT_EQ(receiver.receive_many(buffers.all()), 9u);
    for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(buffers.text(i), segment(i % 4));
    EXPECT_EQ(buffers.text(8), "end");
}

TEST_P(UdpOffload, CoalescesDatagramsIntoOneBuffer) {
    const auto receiver = bound();
    const auto sender = bound();
    const InOrder order;
    ASSERT_TRUE(ok(receiver.set_receive_offload(true)));
    ASSERT_TRUE(ok(sender.set_segment_size(100)));
    send_text(sender, four_, address_of(receiver));
    send_text(sender, std::string_view(four_).substr(0, 350), address_of(receiver));
    order.settle();
    ReceiveBuffers buffers(10, 65'535);
    // Each send stays whole: loopback does not split datagrams for a receiver with GRO.
    ASSERT_EQ(receiver.receive_many(buffers.all()), 2u);
    EXPECT_EQ(buffers.text(0), four_);
    EXPECT_EQ(buffers[0].segment_size, 100);
    EXPECT_FALSE(buffers[0].truncated);
    EXPECT_EQ(buffers[0].peer, address_of(sender));
    EXPECT_EQ(buffers.text(1), four_.substr(0, 350)) << "the last segment is shorter";
    EXPECT_EQ(buffers[1].segment_size, 100);
}

TEST_P(UdpOffload, ReportsTruncationOfCoalescedDatagrams) {
    const auto receiver = bound();
    const auto sender = bound();
    ASSERT_TRUE(ok(receiver.set_receive_offload(true)));
    ASSERT_TRUE(ok(sender.set_segment_size(100)));
    send_text(sender, four_, address_of(receiver));
    await(receiver, POLLIN);
    ReceiveBuffers buffers(1, 250);
    ASSERT_EQ(receiver.receive_many(buffers.all()), 1u);
    EXPECT_EQ(buffers.text(0), four_.substr(0, 250));
    EXPECT_TRUE(buffers[0].truncated);
    EXPECT_EQ(buffers[0].segment_size, 100);
}

TEST_P(UdpOffload, ReportsSizesForEachDatagram) {
    const auto receiver = bound();
    const auto sender = bound();
    const auto plain_sender = bound();
    const InOrder order;
    ASSERT_TRUE(ok(receiver.set_receive_offload(true)));
    constexpr std::uint16_t sizes[] = {100, 50, 200};
    for (const auto size : sizes) {
        ASSERT_TRUE(ok(sender.set_segment_size(size)));
        send_text(sender, four_, address_of(receiver));
        send_text(plain_sender, "alone", address_of(receiver));
    }
    order.settle();
    ReceiveBuffers buffers(10, 65'535);
    ASSERT_EQ(receiver.receive_many(buffers.all()), 6u);
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(buffers[2 * i].segment_size, sizes[i]);
        EXPECT_EQ(buffers[2 * i].size, 400u);
        EXPECT_EQ(buffers.text(2 * i + 1), "alone");
        EXPECT_EQ(buffers[2 * i + 1].peer, address_of(plain_sender));
        EXPECT_EQ(buffers[2 * i + 1].segment_size, 0) << "a single datagram is not coalesced";
    }
}

TEST_P(UdpOffload, TooManySegmentsFail) {
    const auto receiver = bound();
    const auto sender = bound();
    ASSERT_TRUE(ok(sender.set_segment_size(10)));
    const std::string text(10 * 200, 'x'); // the limit is 128 segments, 64 before Linux 6.9
    EXPECT_TRUE(
        fails_with(sender.send_to(bytes_of(text), address_of(receiver)), std::errc::invalid_argument));
    send_text(sender, std::string(10 * 60, 'x'), address_of(receiver));
}
