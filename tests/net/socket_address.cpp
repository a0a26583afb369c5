#include "sockets.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

#include "support.hpp"

using namespace test;
using namespace std::string_literals;
using mio::net::IpAddress;
using mio::net::SocketAddress;

namespace {

constexpr std::array<std::uint8_t, 16> link_local_bytes{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
constexpr IpAddress link_local = IpAddress::v6(link_local_bytes);

static_assert(SocketAddress() == SocketAddress(IpAddress::any_v4(), 0));
static_assert(SocketAddress(IpAddress::loopback_v4(), 80).port() == 80);
static_assert(SocketAddress(IpAddress::loopback_v4(), 80).ip() == IpAddress::loopback_v4());
static_assert(SocketAddress(link_local, 65535, 7, 3).flow_info() == 7);
static_assert(SocketAddress(link_local, 65535, 7, 3).scope_id() == 3);
static_assert(SocketAddress(link_local, 1) != SocketAddress(link_local, 2));
static_assert(SocketAddress(link_local, 1, 0, 1) != SocketAddress(link_local, 1, 0, 2));
static_assert(SocketAddress(link_local, 1, 1, 0) != SocketAddress(link_local, 1, 2, 0));
static_assert(std::is_trivially_copyable_v<SocketAddress> && std::regular<SocketAddress>);

TEST(SocketAddress, ParsesTheUsualForms) {
    EXPECT_EQ(must(SocketAddress::parse("1.2.3.4:80")), SocketAddress(IpAddress::v4(1, 2, 3, 4), 80));
    EXPECT_EQ(must(SocketAddress::parse("0.0.0.0:0")), SocketAddress());
    EXPECT_EQ(must(SocketAddress::parse("255.255.255.255:65535")),
              SocketAddress(IpAddress::v4(255, 255, 255, 255), 65535));
    EXPECT_EQ(must(SocketAddress::parse("[::1]:80")), SocketAddress(IpAddress::loopback_v6(), 80));
    EXPECT_EQ(must(SocketAddress::parse("[::]:0")), SocketAddress(IpAddress::any_v6(), 0));
    EXPECT_EQ(must(SocketAddress::parse("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535")).port(),
              65535);
}

TEST(SocketAddress, ParsesANumericScope) {
    EXPECT_EQ(must(SocketAddress::parse("[fe80::1%3]:80")), SocketAddress(link_local, 80, 0, 3));
    EXPECT_EQ(must(SocketAddress::parse("[fe80::1%0]:80")), SocketAddress(link_local, 80));
    EXPECT_EQ(must(SocketAddress::parse("[fe80::1%4294967295]:80")).scope_id(), 4294967295u);
}

TEST(SocketAddress, RejectsInvalidScopes) {
    for (const auto& text : {"[fe80::1%]:80"s,
                             "[fe80::1%nosuchinterface]:80"s,
                             "[fe80::1%4294967296]:80"s,
                             "[fe80::1%18446744073709551617]:80"s,
                             "[fe80::1%-1]:80"s,
                             "[fe80::1%+1]:80"s,
                             "[fe80::1% 1]:80"s,
                             "[fe80::1%1 ]:80"s,
                             "[fe80::1%0x1]:80"s,
                             "[fe80::1%1%2]:80"s,
                             "[fe80::1%lo%lo]:80"s,
                             "[fe80::1%%]:80"s,
                             "[%1]:80"s,
                             "[%lo]:80"s,
                             "[%]:80"s,
                             "1.2.3.4%1:80"s,
                             "[1.2.3.4%1]:80"s,
                             "[fe80::1%lo\0]:80"s,
                             "[fe80::1%l\0o]:80"s,
                             "[fe80::1%LO]:80"s,
                             "[fe80::1%" + std::string(16, 'x') + "]:80",
                             "[fe80::1%lo" + std::string(100, ' ') + "]:80",
                             "[fe80::1%" + std::string(1'000'000, 'e') + "]:80",
                             "[fe80::1%" + std::string(1'000'000, '9') + "]:80"}) {
        EXPECT_TRUE(fails_with(SocketAddress::parse(text), mio::Errc::invalid_address)) << text.substr(0, 60);
    }
}

TEST(SocketAddress, RejectsInvalidPorts) {
    for (const auto& port : {""s,
                             " "s,
                             "-1"s,
                             "-0"s,
                             "+80"s,
                             "+0"s,
                             " 80"s,
                             "80 "s,
                             "8 0"s,
                             "80\t"s,
                             "\n80"s,
                             "65536"s,
                             "99999"s,
                             "100000"s,
                             "4294967296"s,
                             "4294967376"s,
                             "18446744073709551696"s,
                             "0x50"s,
                             "80x"s,
                             "x"s,
                             "http"s,
                             "80.0"s,
                             "80,"s,
                             "8'0"s,
                             "1e2"s,
                             "80\0"s,
                             "8\0000"s,
                             "\0"s,
                             "８０"s,
                             std::string(1'000'000, '8')}) {
        for (const auto& host : {"1.2.3.4"s, "[::1]"s}) {
            const auto text = host + ':' + port;
            EXPECT_TRUE(fails_with(SocketAddress::parse(text), mio::Errc::invalid_address))
                << text.substr(0, 60);
        }
    }
}

TEST(SocketAddress, RejectsMalformedText) {
    for (const auto& text :
         {""s, " "s, ":"s, "::"s, ":80"s, "80"s, "1.2.3.4"s, "1.2.3.4:"s, "1.2.3.4 80"s, "1.2.3.4;80"s,
          "1.2.3.4:80:90"s, "1.2.3.4::80"s, "1.2.3:80"s, "1.2.3.4.5:80"s, "256.1.1.1:80"s, "01.2.3.4:80"s,
          "localhost:80"s, "*:80"s, " 1.2.3.4:80"s, "1.2.3.4:80 "s, "1.2.3.4 :80"s, "http://1.2.3.4:80"s,
          // brackets are required for IPv6 and forbidden for IPv4
          "::1"s, "::1:80"s, "1:2:3:4:5:6:7:8:80"s, "[1.2.3.4]:80"s, "[::1]"s, "[::1]80"s, "[::1] :80"s,
          "[::1:80"s, "::1]:80"s, "[]:80"s, "[:80"s, "]:80"s, "[[::1]]:80"s, "[::1]]:80"s, "[[::1]:80"s,
          "(::1):80"s, "[ ::1]:80"s, "[::1 ]:80"s, "[::1]:[80]"s, "[::1]:80]"s, "[::1:80]"s, "[1::2::3]:80"s,
          "[12345::]:80"s,
          // not text
          "\0"s, "1.2.3.4\0:80"s, "1.2.3.4:80\0"s, "[::1\0]:80"s, "\0001.2.3.4:80"s}) {
        EXPECT_TRUE(fails_with(SocketAddress::parse(text), mio::Errc::invalid_address))
            << testing::PrintToString(text);
    }
}

TEST(SocketAddress, RejectsVeryLongText) {
    for (const char filling : {'1', '0', ':', '.', '[', ']', '%', ' '}) {
        const std::string text(10'000'000, filling);
        EXPECT_FALSE(SocketAddress::parse(text)) << filling;
        EXPECT_FALSE(SocketAddress::parse("1.2.3.4" + text + ":80")) << filling;
        EXPECT_FALSE(SocketAddress::parse("[" + text + "]:80")) << filling;
    }
}

TEST(SocketAddress, ParsesAnUnterminatedView) {
    const std::string_view longer = "127.0.0.1:8080";
    EXPECT_EQ(must(SocketAddress::parse(longer.substr(0, 12))), SocketAddress(IpAddress::loopback_v4(), 80));
}

TEST(SocketAddress, PrintsTheFormThatItParses) {
    EXPECT_EQ(SocketAddress().to_string(), "0.0.0.0:0");
    EXPECT_EQ(SocketAddress(IpAddress::v4(1, 2, 3, 4), 65535).to_string(), "1.2.3.4:65535");
    EXPECT_EQ(SocketAddress(IpAddress::loopback_v6(), 80).to_string(), "[::1]:80");
    EXPECT_EQ(SocketAddress(link_local, 80, 0, 3).to_string(), "[fe80::1%3]:80");
    EXPECT_EQ(SocketAddress(link_local, 80, 0, 4294967295u).to_string(), "[fe80::1%4294967295]:80");
}

TEST(SocketAddress, MapsIPv4ToIPv6AndBack) {
    const SocketAddress v4(IpAddress::v4(192, 0, 2, 7), 80);
    EXPECT_EQ(v4.mapped().to_string(), "[::ffff:192.0.2.7]:80");
    EXPECT_EQ(v4.mapped().unmapped(), v4);
    EXPECT_EQ(v4.unmapped(), v4);
    // An IPv4 address has neither flow information nor a scope.
    EXPECT_EQ(SocketAddress(v4.ip().mapped(), 80, 5, 6).unmapped(), v4);
    const SocketAddress v6(link_local, 80, 5, 6);
    EXPECT_EQ(v6.unmapped(), v6);
    EXPECT_EQ(v6.mapped(), v6);
}

// An IPv6 socket that accepts IPv4 reports IPv4 peers in their mapped form.
TEST(SocketAddress, UnmapsThePeerOfADualStackListener) {
    auto socket = must(mio::net::TcpSocket::v6());
    must(socket.set_only_v6(false));
    must(socket.bind({IpAddress::any_v6(), 0}));
    const auto listener = must(std::move(socket).listen(8));
    const auto port = must(listener.local_address()).port();
    const auto client = plain::connect({IpAddress::loopback_v4(), port});
    const auto peer = must(listener.accept()).second;
    EXPECT_TRUE(peer.ip().is_v4_mapped()) << peer;
    EXPECT_FALSE(peer.ip().is_loopback()) << peer;
    EXPECT_EQ(peer.unmapped(), plain::address_of(client));
}

TEST(SocketAddress, IsOrderedByAddressThenPortThenFlowThenScope) {
    std::vector<SocketAddress> sorted{
        {IpAddress::loopback_v4(), 1},
        {IpAddress::loopback_v4(), 2},
        {IpAddress::loopback_v4(), 256},
        {IpAddress::v4(128, 0, 0, 0), 0},
        {IpAddress::any_v6(), 0},
        {link_local, 1},
        {link_local, 1, 0, 1},
        {link_local, 1, 1, 0},
        {link_local, 2},
    };
    const auto expected = sorted;
    std::ranges::reverse(sorted);
    std::ranges::sort(sorted);
    EXPECT_EQ(sorted, expected);
    for (std::size_t i = 1; i < sorted.size(); ++i) EXPECT_LT(sorted[i - 1], sorted[i]);
}

TEST(SocketAddress, WorksAsAHashTableKey) {
    std::unordered_set<SocketAddress> set;
    std::unordered_set<std::size_t> digests;
    for (std::uint32_t i = 0; i < 10'000; ++i) {
        const SocketAddress address(i % 2 == 0 ? IpAddress::loopback_v4() : link_local,
                                    static_cast<std::uint16_t>(i), 0, i % 2 == 0 ? 0 : i);
        set.insert(address);
        digests.insert(std::hash<SocketAddress>{}(address));
    }
    EXPECT_EQ(set.size(), 10'000u);
    EXPECT_GT(digests.size(), 9'900u) << "too many hash collisions";
    EXPECT_TRUE(set.contains(SocketAddress(IpAddress::loopback_v4(), 42)));
    EXPECT_FALSE(set.contains(SocketAddress(IpAddress::loopback_v4(), 43)));
    EXPECT_EQ(std::hash<SocketAddress>{}(must(SocketAddress::parse("[fe80::1%3]:80"))),
              std::hash<SocketAddress>{}(SocketAddress(link_local, 80, 0, 3)));
}

TEST(SocketAddress, PrintsLikeTheCLibraryAndParsesBack) {
    std::mt19937 random(31415926);
    for (int round = 0; round < 5'000; ++round) {
        std::array<std::uint8_t, 16> bytes{};
        for (auto& byte : bytes)
            byte = random() % 3 == 0 ? static_cast<std::uint8_t>(random()) : std::uint8_t{0};
        const auto port = static_cast<std::uint16_t>(random());
        const bool is_v6 = round % 2 == 0;
        const SocketAddress address(
            is_v6 ? IpAddress::v6(bytes) : IpAddress::v4(bytes[0], bytes[1], bytes[2], bytes[3]), port);

        ::sockaddr_storage storage{};
        ::socklen_t length = 0;
        if (is_v6) {
            ::sockaddr_in6 native{};
            native.sin6_family = AF_INET6;
            native.sin6_port = htons(port);
            std::memcpy(&native.sin6_addr, bytes.data(), 16);
            std::memcpy(&storage, &native, sizeof native);
            length = sizeof native;
        } else {
            ::sockaddr_in native{};
            native.sin_family = AF_INET;
            native.sin_port = htons(port);
            std::memcpy(&native.sin_addr, bytes.data(), 4);
            std::memcpy(&storage, &native, sizeof native);
            length = sizeof native;
        }
        std::array<char, NI_MAXHOST> host{};
        std::array<char, NI_MAXSERV> service{};
        ASSERT_EQ(::getnameinfo(reinterpret_cast<::sockaddr*>(&storage), length, host.data(), NI_MAXHOST,
                                service.data(), NI_MAXSERV, NI_NUMERICHOST | NI_NUMERICSERV),
                  0);
        const std::string expected =
            (is_v6 ? '[' + std::string(host.data()) + ']' : host.data()) + ':' + service.data();
        ASSERT_EQ(address.to_string(), expected);
        ASSERT_EQ(must(SocketAddress::parse(expected)), address);
    }
}

TEST(SocketAddress, ParsesBackWithAScope) {
    std::mt19937 random(2718);
    for (int round = 0; round < 5'000; ++round) {
        const SocketAddress address(link_local, static_cast<std::uint16_t>(random()), 0,
                                    static_cast<std::uint32_t>(random()));
        ASSERT_EQ(must(SocketAddress::parse(address.to_string())), address);
    }
}

TEST(SocketAddress, ParsingArbitraryTextIsSafe) {
    std::mt19937 random(161803);
    constexpr std::string_view alphabet = "0123456789af:.%[]lo -";
    for (int round = 0; round < 50'000; ++round) {
        std::string text(random() % 24, '\0');
        for (char& letter : text) letter = alphabet[random() % alphabet.size()];
        const auto parsed = SocketAddress::parse(text);
        // Accepted text has one meaning.
        if (parsed)
            ASSERT_EQ(must(SocketAddress::parse(parsed->to_string())), *parsed) << text;
        else
            ASSERT_EQ(parsed.error(), mio::Errc::invalid_address) << text;
    }
}

// The bytes passed to the kernel and back are in network order.
TEST(SocketAddress, SurvivesARoundTripThroughTheKernel) {
    const auto listener = must(mio::net::TcpListener::bind(local_v6()));
    const auto address = must(listener.local_address());
    ::sockaddr_in6 native{};
    ::socklen_t length = sizeof native;
    ASSERT_EQ(::getsockname(listener.raw(), reinterpret_cast<::sockaddr*>(&native), &length), 0);
    EXPECT_EQ(address.port(), ntohs(native.sin6_port));
    const auto ip = address.ip();
    EXPECT_TRUE(std::memcmp(ip.bytes().data(), &native.sin6_addr, 16) == 0);
}

} // namespace
