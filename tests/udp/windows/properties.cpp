// Properties of single datagrams and the error queue do not exist on Windows: requests fail, and nothing is sent without a
// requested property.
#include <cstdint>
#include <optional>
#include <system_error>

#include "../udp.hpp"

using namespace test;
using mio::Errc;
using mio::net::DatagramInfo;

TEST(UdpOnWindows, PropertiesAreNotReported) {
    const auto receiver = must(UdpSocket::bind(local_v4()));
    EXPECT_EQ(receiver.supported_info(), DatagramInfo::none);
    EXPECT_TRUE(fails_with(receiver.set_receive_info(DatagramInfo::ttl), Errc::unsupported));
    EXPECT_TRUE(ok(receiver.set_receive_info(DatagramInfo::none)));
    EXPECT_EQ(receiver.receive_info(), DatagramInfo::none);
    const auto sender = must(UdpSocket::bind(local_v4()));
    send_text(sender, data1, address_of(receiver));
    await(receiver, POLLIN);
    ReceiveBuffers buffers(1);
    buffers.all()[0].ttl = std::uint8_t{9};
    ASSERT_EQ(receiver.receive_many(buffers.all()), 1u);
    EXPECT_EQ(buffers[0].ttl, std::nullopt);
    EXPECT_EQ(buffers[0].local_ip, std::nullopt);
}

TEST(UdpOnWindows, DatagramsWithPropertiesAreNotSent) {
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

TEST(UdpOnWindows, ErrorQueueAndZeroCopyAreUnsupported) {
    const auto socket = must(UdpSocket::v4());
    EXPECT_TRUE(fails_with(socket.set_receive_errors(true), Errc::unsupported));
    EXPECT_TRUE(fails_with(socket.receive_errors(), Errc::unsupported));
    EXPECT_TRUE(fails_with(socket.receive_error(), Errc::unsupported));
    EXPECT_TRUE(fails_with(socket.set_zero_copy(true), Errc::unsupported));
    EXPECT_TRUE(fails_with(socket.zero_copy(), Errc::unsupported));
    EXPECT_TRUE(fails_with(socket.send_many_zero_copy({}), Errc::unsupported));
}
