// Windows reports some properties of datagrams and cannot send any; nothing is sent without a requested property. It has no
// error queue.
#include <cstdint>
#include <optional>
#include <system_error>

#include "../udp.hpp"

using namespace test;
using mio::Errc;
using mio::net::DatagramInfo;

namespace {

class UdpOnWindows : public OnEachFamily {};
INSTANTIATE_TEST_SUITE_P(, UdpOnWindows, both_families, family_name);

} // namespace

TEST_P(UdpOnWindows, RequestedPropertiesAreReported) {
    const auto receiver = bound();
    const auto sender = bound();
    const auto info = DatagramInfo::local_ip | DatagramInfo::ttl;
    EXPECT_EQ(receiver.supported_info(), info | DatagramInfo::tos);
    EXPECT_EQ(receiver.receive_info(), DatagramInfo::none);
    EXPECT_TRUE(fails_with(receiver.set_receive_info(DatagramInfo::dropped), Errc::unsupported));
    EXPECT_TRUE(fails_with(receiver.set_receive_info(DatagramInfo::received_at), Errc::unsupported));
    ASSERT_TRUE(ok(receiver.set_receive_info(info)));
    EXPECT_EQ(receiver.receive_info(), info);
    ASSERT_TRUE(ok(sender.set_ttl(77)));
    for (int round = 0; round < 2; ++round) {
        send_text(sender, data1, address_of(receiver));
        await(receiver, POLLIN);
        ReceiveBuffers buffers(1);
        ASSERT_EQ(receiver.receive_many(buffers.all()), 1u);
        EXPECT_EQ(buffers.text(0), data1);
        EXPECT_EQ(buffers[0].peer, address_of(sender));
        EXPECT_EQ(buffers[0].local_ip, GetParam().ip());
        EXPECT_NE(buffers[0].interface_index.value_or(0), 0u);
        EXPECT_EQ(buffers[0].ttl, std::uint8_t{77});
        EXPECT_EQ(buffers[0].tos, std::nullopt) << "not requested";
        EXPECT_FALSE(buffers[0].info_truncated);
    }
    ASSERT_TRUE(ok(receiver.set_receive_info(DatagramInfo::none)));
    EXPECT_EQ(receiver.receive_info(), DatagramInfo::none);
    send_text(sender, data1, address_of(receiver));
    await(receiver, POLLIN);
    ReceiveBuffers buffers(1);
    buffers.all()[0].ttl = std::uint8_t{9};
    ASSERT_EQ(receiver.receive_many(buffers.all()), 1u);
    EXPECT_EQ(buffers[0].ttl, std::nullopt);
    EXPECT_EQ(buffers[0].local_ip, std::nullopt);
}

TEST_P(UdpOnWindows, TosIsReported) {
    const auto receiver = bound();
    const auto sender = bound();
    ASSERT_TRUE(ok(receiver.set_receive_info(DatagramInfo::tos)));
    send_text(sender, data1, address_of(receiver));
    await(receiver, POLLIN);
    ReceiveBuffers buffers(1);
    ASSERT_EQ(receiver.receive_many(buffers.all()), 1u);
    EXPECT_EQ(buffers[0].tos, mio::net::Tos());
}

TEST(UdpPropertiesOnWindows, DatagramsWithPropertiesAreNotSent) {
    const auto receiver = must(UdpSocket::bind(local_v4()));
    const auto sender = must(UdpSocket::bind(local_v4()));
    NumberedDatagrams numbered(3, address_of(receiver));
    numbered[1].source = IpAddress::loopback_v4();
    EXPECT_EQ(sender.send_many(numbered.all()), 1u);
    EXPECT_TRUE(fails_with(sender.send_many(numbered.all().subspan(1)), Errc::unsupported));
    numbered[1].source.reset();
    numbered[1].segment_size = 10;
    EXPECT_TRUE(fails_with(sender.send_many(numbered.all().subspan(1)), Errc::unsupported));
    numbered[1].segment_size = 0;
    numbered[1].ttl = std::uint8_t{0};
    EXPECT_TRUE(fails_with(sender.send_many(numbered.all().subspan(1)), std::errc::invalid_argument));
    EXPECT_EQ(sender.send_many(numbered.all().subspan(2)), 1u);
    EXPECT_EQ(next_text(receiver), "0");
    EXPECT_EQ(next_text(receiver), "2");
}

TEST(UdpPropertiesOnWindows, ErrorQueueAndZeroCopyAreUnsupported) {
    const auto socket = must(UdpSocket::v4());
    EXPECT_TRUE(fails_with(socket.set_receive_errors(true), Errc::unsupported));
    EXPECT_TRUE(fails_with(socket.receive_errors(), Errc::unsupported));
    EXPECT_TRUE(fails_with(socket.receive_error(), Errc::unsupported));
    EXPECT_TRUE(fails_with(socket.set_zero_copy(true), Errc::unsupported));
    EXPECT_TRUE(fails_with(socket.zero_copy(), Errc::unsupported));
    EXPECT_TRUE(fails_with(socket.send_many_zero_copy({}), Errc::unsupported));
}

TEST(UdpPropertiesOnWindows, OffloadIsUnsupported) {
    const auto socket = must(UdpSocket::v4());
    EXPECT_TRUE(fails_with(socket.set_segment_size(1'000), Errc::unsupported));
    EXPECT_TRUE(fails_with(socket.segment_size(), Errc::unsupported));
    EXPECT_TRUE(fails_with(socket.set_receive_offload(true), Errc::unsupported));
    EXPECT_TRUE(fails_with(socket.receive_offload(), Errc::unsupported));
}
