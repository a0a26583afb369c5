// Properties that only Linux reports, and control messages that are truncated or malformed.
#include <arpa/inet.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "../udp.hpp"

namespace {

/// If set, replaces what the kernel wrote into a message.
void (*rewrite)(::msghdr&) = nullptr;

/// The size of the library's buffer for the control messages of one datagram.
std::size_t room_for_control = 0;

} // namespace

// Replacement for the C library's function.
extern "C" int recvmmsg(int fd, ::mmsghdr* messages, unsigned count, int flags, ::timespec* timeout) {
    if (count != 0) room_for_control = messages[0].msg_hdr.msg_controllen;
    const auto received = static_cast<int>(::syscall(SYS_recvmmsg, fd, messages, count, flags, timeout));
    for (int i = 0; i < received; ++i) {
        if (rewrite != nullptr) rewrite(messages[i].msg_hdr);
    }
    return received;
}

using namespace test;
using mio::net::DatagramInfo;
using mio::net::Ecn;
using mio::net::Tos;

namespace {

class UdpControl : public OnEachFamily {
  protected:
    void TearDown() override { rewrite = nullptr; }
    bool is_v4() const { return GetParam().ip().is_v4(); }
};
INSTANTIATE_TEST_SUITE_P(, UdpControl, both_families, family_name);

std::mt19937 random_numbers(4711); // always the same, so that a failure can be repeated

std::uint32_t random_below(std::uint32_t limit) {
    return static_cast<std::uint32_t>(random_numbers() % limit);
}

} // namespace

TEST_P(UdpControl, DropCountRisesWhileTheBufferIsFull) {
    const auto receiver = bound();
    const auto sender = bound();
    set_raw_option(receiver, SOL_SOCKET, SO_RCVBUF, 4'096);
    ASSERT_TRUE(ok(receiver.set_receive_info(DatagramInfo::dropped)));
    const InOrder order;
    std::uint32_t dropped = 0;
    for (int round = 0; round < 2; ++round) {
        // Several times as many as fit.
        constexpr std::uint32_t sent = 100;
        const std::string text(400, 'x');
        for (std::uint32_t i = 0; i < sent; ++i) send_text(sender, text, address_of(receiver));
        order.settle();
        ReceiveBuffers buffers(sent, 400);
        const auto received = must(receiver.receive_many(buffers.all()));
        ASSERT_LT(received, sent) << "nothing was dropped";
        dropped += sent - static_cast<std::uint32_t>(received);
        // A datagram reports the number of those dropped before it arrived.
        send_text(sender, data1, address_of(receiver));
        order.settle();
        ASSERT_EQ(receiver.receive_many(buffers.first(1)), 1u);
        EXPECT_EQ(buffers[0].dropped, dropped);
    }
}

TEST_P(UdpControl, ReportsThatFurtherPropertiesDidNotFit) {
    const auto receiver = bound();
    const auto sender = bound();
    ASSERT_TRUE(ok(receiver.set_receive_info(must(receiver.supported_info()))));
    send_text(sender, data1, address_of(receiver));
    await(receiver, POLLIN);
    ReceiveBuffers buffers(1);
    ASSERT_EQ(receiver.receive_many(buffers.all()), 1u);
    EXPECT_FALSE(buffers[0].info_truncated) << "all of the library's own fit";

    // Further ones, requested behind the library's back.
    set_raw_option(receiver, SOL_SOCKET, SO_TIMESTAMPING,
                   SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE);
    set_raw_option(receiver, IPPROTO_IP, IP_RECVORIGDSTADDR, 1);
    set_raw_option(receiver, IPPROTO_IP, IP_PKTINFO, 1);
    set_raw_option(receiver, IPPROTO_IP, IP_CHECKSUM, 1);
    set_raw_option(receiver, IPPROTO_IP, IP_RECVFRAGSIZE, 1);
    if (!is_v4()) {
        constexpr int original_destination = 74; // IPV6_RECVORIGDSTADDR
        set_raw_option(receiver, IPPROTO_IPV6, original_destination, 1);
        set_raw_option(receiver, IPPROTO_IPV6, IPV6_2292PKTINFO, 1);
        set_raw_option(receiver, IPPROTO_IPV6, IPV6_2292HOPLIMIT, 1);
    }
    rewrite = [](::msghdr& message) {
        // IPv4 has too few of them: the kernel's flag and length are simulated.
        constexpr std::size_t short_length = 40;
        if ((message.msg_flags & MSG_CTRUNC) == 0) {
            message.msg_flags |= MSG_CTRUNC;
            message.msg_controllen = std::min<std::size_t>(message.msg_controllen, short_length);
        }
    };
    if (!is_v4()) rewrite = nullptr;
    send_text(sender, data1, address_of(receiver));
    await(receiver, POLLIN);
    ASSERT_EQ(receiver.receive_many(buffers.all()), 1u);
    EXPECT_TRUE(buffers[0].info_truncated);
    EXPECT_FALSE(buffers[0].truncated) << "the datagram itself is whole";
    EXPECT_EQ(buffers.text(0), data1);
    EXPECT_TRUE(buffers[0].received_at) << "the first one is still valid";

    rewrite = nullptr;
    ASSERT_TRUE(ok(receiver.set_receive_info(DatagramInfo::none)));
    for (const int option : {IP_RECVORIGDSTADDR, IP_PKTINFO, IP_CHECKSUM, IP_RECVFRAGSIZE})
        set_raw_option(receiver, IPPROTO_IP, option, 0);
    send_text(sender, data1, address_of(receiver));
    await(receiver, POLLIN);
    ASSERT_EQ(receiver.receive_many(buffers.all()), 1u);
    EXPECT_FALSE(buffers[0].info_truncated);
}

// Under the address sanitizer, a read behind the last message's buffer is an error.
TEST_P(UdpControl, MalformedMessagesAreNotReadOver) {
    const auto receiver = with_large_receive_buffer(GetParam());
    const auto sender = bound();
    const InOrder order;
    rewrite = [](::msghdr& message) {
        auto* const bytes = static_cast<unsigned char*>(message.msg_control);
        const auto length = random_below(static_cast<std::uint32_t>(room_for_control) + 1);
        for (std::uint32_t i = 0; i < length; ++i) bytes[i] = static_cast<unsigned char>(random_numbers());
        // Plausible headers: of known types, with lengths that are right, short, or beyond the end.
        constexpr std::array<std::array<int, 2>, 12> kinds{{{SOL_SOCKET, SCM_TIMESTAMPNS},
                                                            {SOL_SOCKET, SO_TIMESTAMP},
                                                            {SOL_SOCKET, SO_RXQ_OVFL},
                                                            {IPPROTO_IP, IP_PKTINFO},
                                                            {IPPROTO_IP, IP_TTL},
                                                            {IPPROTO_IP, IP_TOS},
                                                            {IPPROTO_IPV6, IPV6_PKTINFO},
                                                            {IPPROTO_IPV6, IPV6_HOPLIMIT},
                                                            {IPPROTO_IPV6, IPV6_TCLASS},
                                                            {IPPROTO_UDP, UDP_GRO},
                                                            {IPPROTO_TCP, 1},
                                                            {-1, -1}}};
        for (std::uint32_t at = 0; at + sizeof(::cmsghdr) <= length;) {
            const auto& kind = kinds[random_below(kinds.size())];
            ::cmsghdr header{};
            header.cmsg_level = kind[0];
            header.cmsg_type = kind[1];
            const auto size = random_below(30);
            header.cmsg_len = CMSG_LEN(size);
            const std::array<std::size_t, 8> odd{0,      1,           15,           16,
                                                 length, length + 1u, SIZE_MAX - 3, SIZE_MAX / 2};
            if (random_below(6) == 0) header.cmsg_len = odd[random_below(odd.size())];
            std::memcpy(bytes + at, &header, sizeof header);
            at += static_cast<std::uint32_t>(CMSG_SPACE(size));
        }
        message.msg_controllen = length;
    };
    constexpr std::size_t count = 64; // the last one's control messages are at the end of the array
    for (int round = 0; round < 500; ++round) {
        ASSERT_EQ(sender.send_many(NumberedDatagrams(count, address_of(receiver)).all()), count);
        order.settle();
        ReceiveBuffers buffers(count);
        ASSERT_EQ(receiver.receive_many(buffers.all()), count);
        for (std::size_t i = 0; i < count; ++i) {
            ASSERT_EQ(buffers.text(i), NumberedDatagrams::text(i));
            ASSERT_EQ(buffers[i].peer, address_of(sender));
        }
    }
}

namespace {

/// Control messages to be received instead of the kernel's.
class Forged {
  public:
    template <class T> Forged& add(int level, int type, const T& payload) {
        return add_bytes(level, type, std::as_bytes(std::span(&payload, 1)));
    }
    Forged& add_bytes(int level, int type, std::span<const std::byte> payload) {
        ::cmsghdr header{};
        header.cmsg_level = level;
        header.cmsg_type = type;
        header.cmsg_len = CMSG_LEN(payload.size());
        std::memcpy(bytes_.data() + length_, &header, sizeof header);
        std::ranges::copy(payload, bytes_.begin() + static_cast<std::ptrdiff_t>(length_ + CMSG_LEN(0)));
        length_ += CMSG_SPACE(payload.size());
        return *this;
    }

    /// Receives a datagram with these.
    ReceiveBuffers receive(const SocketAddress& at) {
        const auto receiver = must(UdpSocket::bind(at));
        const auto sender = must(UdpSocket::bind(at));
        current = this;
        rewrite = [](::msghdr& message) {
            std::memcpy(message.msg_control, current->bytes_.data(), current->length_);
            message.msg_controllen = current->length_;
        };
        send_text(sender, data1, address_of(receiver));
        await(receiver, POLLIN);
        ReceiveBuffers buffers(1);
        EXPECT_EQ(receiver.receive_many(buffers.all()), 1u);
        return buffers;
    }

  private:
    static inline const Forged* current = nullptr;

    std::array<std::byte, 256> bytes_{};
    std::size_t length_ = 0;
};

} // namespace

// Other systems report microseconds.
TEST_P(UdpControl, TimesAreReadInEitherResolution) {
    const auto seconds = 1'700'000'000s;
    const ::timespec precise{.tv_sec = seconds.count(), .tv_nsec = 123'456'789};
    EXPECT_EQ(Forged().add(SOL_SOCKET, SCM_TIMESTAMPNS, precise).receive(GetParam())[0].received_at,
              IncomingDatagram::Time(seconds + 123'456'789ns));
    const ::timeval coarse{.tv_sec = seconds.count(), .tv_usec = 123'456};
    EXPECT_EQ(Forged().add(SOL_SOCKET, SCM_TIMESTAMP, coarse).receive(GetParam())[0].received_at,
              IncomingDatagram::Time(seconds + 123'456us));
}

TEST_P(UdpControl, TimesThatAreInvalidOrTooLateCountAsMissing) {
    // Nanoseconds count to the year 2262.
    constexpr auto last =
        std::chrono::floor<std::chrono::seconds>(std::chrono::nanoseconds::max()).count() - 1;
    const ::timespec latest{.tv_sec = last, .tv_nsec = 999'999'999};
    EXPECT_TRUE(Forged().add(SOL_SOCKET, SCM_TIMESTAMPNS, latest).receive(GetParam())[0].received_at);
    for (const ::timespec& time : {::timespec{-1, 0}, ::timespec{0, -1}, ::timespec{0, 1'000'000'000},
                                   ::timespec{last + 1, 0}, ::timespec{INT64_MAX, 0}}) {
        EXPECT_EQ(Forged().add(SOL_SOCKET, SCM_TIMESTAMPNS, time).receive(GetParam())[0].received_at,
                  std::nullopt)
            << time.tv_sec << '.' << time.tv_nsec;
    }
    // The last one is 0 modulo 2^64, in nanoseconds.
    for (const ::timeval& time : {::timeval{-1, 0}, ::timeval{0, -1}, ::timeval{0, 1'000'000},
                                  ::timeval{INT64_MAX, 0}, ::timeval{0, std::int64_t{1} << 61}}) {
        EXPECT_EQ(Forged().add(SOL_SOCKET, SCM_TIMESTAMP, time).receive(GetParam())[0].received_at,
                  std::nullopt)
            << time.tv_sec << '.' << time.tv_usec;
    }
}

// Linux reports the address by IPV6_PKTINFO to an IPv6 socket, other systems by a message of IPv4.
TEST_P(UdpControl, V4AddressHasItsMappedFormOnAnIpv6Socket) {
    ::in_pktinfo info{};
    info.ipi_addr.s_addr = htonl(0x7f00'0002);
    info.ipi_ifindex = 7;
    const auto datagram = Forged().add(IPPROTO_IP, IP_PKTINFO, info).receive(GetParam());
    EXPECT_EQ(datagram[0].local_ip, must(IpAddress::parse(is_v4() ? "127.0.0.2" : "::ffff:127.0.0.2")));
    EXPECT_EQ(datagram[0].interface_index, 7u);
}

TEST_P(UdpControl, ShortPayloadsCountAsMissing) {
    std::array<std::byte, 20> payload;
    payload.fill(std::byte{1});
    Forged forged;
    const auto add = [&](int level, int type, std::size_t size) {
        forged.add_bytes(level, type, std::span(payload).first(size));
    };
    add(SOL_SOCKET, SCM_TIMESTAMPNS, 15);
    add(SOL_SOCKET, SCM_TIMESTAMP, 15);
    add(IPPROTO_IP, IP_PKTINFO, 11);
    add(IPPROTO_IPV6, IPV6_PKTINFO, 19);
    add(IPPROTO_IP, IP_TOS, 0);
    add(SOL_SOCKET, SO_RXQ_OVFL, 3);
    add(IPPROTO_UDP, UDP_GRO, 3);
    add(IPPROTO_IP, IP_TTL, 4);
    const auto buffers = forged.receive(GetParam());
    EXPECT_EQ(buffers[0].received_at, std::nullopt);
    EXPECT_EQ(buffers[0].local_ip, std::nullopt);
    EXPECT_EQ(buffers[0].interface_index, std::nullopt);
    EXPECT_EQ(buffers[0].tos, std::nullopt);
    EXPECT_EQ(buffers[0].dropped, 0u);
    EXPECT_EQ(buffers[0].segment_size, 0);
    EXPECT_EQ(buffers[0].ttl, std::uint8_t{1}) << "the last one is complete";
}
