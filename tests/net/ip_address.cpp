#include "sockets.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <vector>

#include "support.hpp"

using namespace test;
using namespace std::string_literals;
using mio::net::IpAddress;

namespace {

constexpr std::array<std::uint8_t, 16> documentation_bytes{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0,
                                                           0,    0,    0,    0,    0, 0, 0, 7};
constexpr std::array<std::uint8_t, 16> multicast_bytes{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
constexpr std::array<std::uint8_t, 16> mapped_loopback_bytes{0, 0, 0,    0,    0,   0, 0, 0,
                                                             0, 0, 0xff, 0xff, 127, 0, 0, 1};

// Everything except text conversion is constexpr.
static_assert(IpAddress() == IpAddress::any_v4());
static_assert(IpAddress::any_v4() == IpAddress::v4(0, 0, 0, 0));
static_assert(IpAddress::loopback_v4() == IpAddress::v4(127, 0, 0, 1));
static_assert(IpAddress::v4(1, 2, 3, 4).is_v4() && !IpAddress::v4(1, 2, 3, 4).is_v6());
static_assert(IpAddress::v6(documentation_bytes).is_v6() && !IpAddress::v6(documentation_bytes).is_v4());
constexpr auto some_v4 = IpAddress::v4(1, 2, 3, 4);
constexpr auto some_v6 = IpAddress::v6(documentation_bytes);
constexpr auto loopback = IpAddress::loopback_v6();
static_assert(some_v4.bytes().size() == 4 && some_v4.bytes()[3] == 4);
static_assert(some_v6.bytes().size() == 16 && some_v6.bytes()[1] == 0x01);
static_assert(loopback.bytes()[15] == 1 && loopback.bytes()[0] == 0);

static_assert(IpAddress::loopback_v4().is_loopback() && IpAddress::loopback_v6().is_loopback());
static_assert(IpAddress::v4(127, 255, 255, 255).is_loopback());
static_assert(!IpAddress::v4(126, 255, 255, 255).is_loopback() && !IpAddress::v4(128, 0, 0, 1).is_loopback());
static_assert(!IpAddress::any_v6().is_loopback() && !IpAddress::v6(mapped_loopback_bytes).is_loopback());

static_assert(IpAddress::v4(224, 0, 0, 0).is_multicast() && IpAddress::v4(239, 255, 255, 255).is_multicast());
static_assert(!IpAddress::v4(223, 255, 255, 255).is_multicast()
              && !IpAddress::v4(240, 0, 0, 0).is_multicast());
static_assert(IpAddress::v6(multicast_bytes).is_multicast()
              && !IpAddress::v6(documentation_bytes).is_multicast());

static_assert(IpAddress::any_v4().is_unspecified() && IpAddress::any_v6().is_unspecified());
static_assert(!IpAddress::loopback_v4().is_unspecified() && !IpAddress::loopback_v6().is_unspecified());

static_assert(IpAddress::any_v4() != IpAddress::any_v6());
static_assert(std::is_trivially_copyable_v<IpAddress> && std::regular<IpAddress>);

TEST(IpAddress, ParsesTheUsualForms) {
    EXPECT_EQ(must(IpAddress::parse("0.0.0.0")), IpAddress::any_v4());
    EXPECT_EQ(must(IpAddress::parse("127.0.0.1")), IpAddress::loopback_v4());
    EXPECT_EQ(must(IpAddress::parse("255.255.255.255")), IpAddress::v4(255, 255, 255, 255));
    EXPECT_EQ(must(IpAddress::parse("1.20.0.200")), IpAddress::v4(1, 20, 0, 200));

    EXPECT_EQ(must(IpAddress::parse("::")), IpAddress::any_v6());
    EXPECT_EQ(must(IpAddress::parse("::1")), IpAddress::loopback_v6());
    EXPECT_EQ(must(IpAddress::parse("0000:0000:0000:0000:0000:0000:0000:0001")), IpAddress::loopback_v6());
    EXPECT_EQ(must(IpAddress::parse("2001:db8::7")), IpAddress::v6(documentation_bytes));
    EXPECT_EQ(must(IpAddress::parse("2001:0DB8:0:0::0:7")), IpAddress::v6(documentation_bytes));
    EXPECT_EQ(must(IpAddress::parse("::ffff:127.0.0.1")), IpAddress::v6(mapped_loopback_bytes));
    EXPECT_EQ(must(IpAddress::parse("::ffff:7f00:1")), IpAddress::v6(mapped_loopback_bytes));
}

TEST(IpAddress, ParsesTheLongestValidText) {
    const auto address = must(IpAddress::parse("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"));
    EXPECT_TRUE(std::ranges::all_of(address.bytes(), [](std::uint8_t byte) { return byte == 0xff; }));
}

TEST(IpAddress, RejectsMalformedText) {
    for (const auto& text :
         {""s, " "s, "."s, ":"s, ":::"s, "..."s, "localhost"s, "a.b.c.d"s, "-"s, "0"s, "2130706433"s,
          // not four numbers
          "1"s, "1.2"s, "1.2.3"s, "1.2.3."s, ".1.2.3"s, "1..2.3"s, "1.2.3.4."s, ".1.2.3.4"s, "1.2.3.4.5"s,
          "127.1"s,
          // numbers above 255, octal, hexadecimal or signed numbers
          "256.1.1.1"s, "1.256.1.1"s, "1.1.1.256"s, "999.1.1.1"s, "4294967296.1.1.1"s, "01.2.3.4"s,
          "1.2.3.04"s, "1.2.3.004"s, "00.0.0.0"s, "0x1.2.3.4"s, "1.2.3.0x4"s, "-1.2.3.4"s, "+1.2.3.4"s,
          "1.2.3.-4"s,
          // white space
          " 1.2.3.4"s, "1.2.3.4 "s, "1. 2.3.4"s, "\t1.2.3.4"s, "1.2.3.4\n"s, " ::1"s, "::1 "s, ":: 1"s,
          // IPv6 with too few or too many groups, groups that are too long, several gaps
          "1:2:3:4:5:6:7"s, "1:2:3:4:5:6:7:8:9"s, "1:2:3:4:5:6:7:8:"s, ":1:2:3:4:5:6:7:8"s, "1::2::3"s,
          "::1::"s, "12345::"s, "::12345"s, "::00001"s, "::g"s, "::-1"s, "::+1"s, "1:2:3:4:5:6:7:8::"s,
          "1:::2"s, ":1"s, "1:"s, "::1:"s, "0x1::"s,
          // invalid IPv4 tails
          "::1.2.3"s, "::01.2.3.4"s, "::1.2.3.4.5"s, "::256.1.1.1"s, "1.2.3.4::"s, "::1.2.3.4:5"s,
          "1:2:3:4:5:6:7:1.2.3.4"s,
          // prefixes, ports and other types
          "1.2.3.4:80"s, "[::1]"s, "[::1]:80"s, "[1.2.3.4]"s, "1.2.3.4/8"s, "::1/64"s, "fe80::1%lo"s,
          "fe80::1%1"s,
          // not text
          "1.2.3.4\0"s, "1.2.3.4\0.5"s, "\0"s, "\0001.2.3.4"s, "::1\0"s, "1.2.3.\xff"s, "１.2.3.4"s}) {
        EXPECT_TRUE(fails_with(IpAddress::parse(text), mio::Errc::invalid_address))
            << testing::PrintToString(text);
    }
}

TEST(IpAddress, RejectsVeryLongText) {
    for (const std::size_t size : {45u, 46u, 47u, 64u, 1000u, 10'000'000u}) {
        for (const char filling : {'1', '0', ':', '.', 'f', ' '}) {
            const std::string text(size, filling);
            EXPECT_TRUE(fails_with(IpAddress::parse(text), mio::Errc::invalid_address))
                << size << " of " << filling;
            EXPECT_TRUE(fails_with(IpAddress::parse("::1" + text), mio::Errc::invalid_address)) << size;
            EXPECT_TRUE(fails_with(IpAddress::parse(text + "1.2.3.4"), mio::Errc::invalid_address)) << size;
        }
    }
}

TEST(IpAddress, ParsesAnUnterminatedView) {
    const std::string_view longer = "127.0.0.123";
    EXPECT_EQ(must(IpAddress::parse(longer.substr(0, 9))), IpAddress::loopback_v4());
    EXPECT_EQ(must(IpAddress::parse(longer.substr(0, 10))), IpAddress::v4(127, 0, 0, 12));
}

TEST(IpAddress, ParseFailureIsInvalidArgument) {
    const auto parsed = IpAddress::parse("nonsense");
    ASSERT_FALSE(parsed);
    EXPECT_EQ(&parsed.error().category(), &mio::error_category());
    EXPECT_EQ(parsed.error(), std::errc::invalid_argument);
    EXPECT_FALSE(parsed.error().message().empty());
}

TEST(IpAddress, PrintsItsShortestForm) {
    EXPECT_EQ(IpAddress().to_string(), "0.0.0.0");
    EXPECT_EQ(IpAddress::v4(255, 255, 255, 255).to_string(), "255.255.255.255");
    EXPECT_EQ(IpAddress::any_v6().to_string(), "::");
    EXPECT_EQ(IpAddress::loopback_v6().to_string(), "::1");
    EXPECT_EQ(IpAddress::v6(documentation_bytes).to_string(), "2001:db8::7");
    EXPECT_EQ(IpAddress::v6(mapped_loopback_bytes).to_string(), "::ffff:127.0.0.1");
    std::array<std::uint8_t, 16> ones{};
    ones.fill(0xff);
    EXPECT_EQ(IpAddress::v6(ones).to_string(), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

TEST(IpAddress, IsOrderedByFamilyThenByBytes) {
    std::vector<IpAddress> sorted{
        IpAddress::any_v4(),
        IpAddress::v4(0, 0, 0, 1),
        IpAddress::v4(1, 0, 0, 0),
        IpAddress::v4(2, 0, 0, 0),
        IpAddress::v4(200, 0, 0, 0),
        IpAddress::any_v6(),
        IpAddress::loopback_v6(),
        IpAddress::v6(mapped_loopback_bytes),
        IpAddress::v6(documentation_bytes),
        IpAddress::v6(multicast_bytes),
    };
    const auto expected = sorted;
    std::ranges::reverse(sorted);
    std::ranges::sort(sorted);
    EXPECT_EQ(sorted, expected);
    for (std::size_t i = 1; i < sorted.size(); ++i) EXPECT_LT(sorted[i - 1], sorted[i]);
}

TEST(IpAddress, WorksAsAHashTableKey) {
    std::unordered_set<IpAddress> set;
    std::unordered_set<std::size_t> digests;
    for (unsigned i = 0; i < 10'000; ++i) {
        const auto address =
            IpAddress::v4(10, 0, static_cast<std::uint8_t>(i / 256), static_cast<std::uint8_t>(i));
        set.insert(address);
        digests.insert(std::hash<IpAddress>{}(address));
    }
    EXPECT_EQ(set.size(), 10'000u);
    EXPECT_GT(digests.size(), 9'900u) << "too many hash collisions";
    EXPECT_TRUE(set.contains(must(IpAddress::parse("10.0.0.77"))));
    EXPECT_FALSE(set.contains(IpAddress::v4(10, 1, 0, 0)));
    EXPECT_EQ(std::hash<IpAddress>{}(IpAddress::loopback_v6()),
              std::hash<IpAddress>{}(must(IpAddress::parse("::1"))));
}

TEST(IpAddress, PrintsLikeTheCLibraryAndParsesBack) {
    std::mt19937 random(20240229);
    for (int round = 0; round < 20'000; ++round) {
        std::array<std::uint8_t, 16> bytes{};
        // Runs of zeros exercise the short form, so make them common.
        for (auto& byte : bytes)
            byte = random() % 3 == 0 ? static_cast<std::uint8_t>(random()) : std::uint8_t{0};
        const bool is_v6 = round % 2 == 0;
        const auto address =
            is_v6 ? IpAddress::v6(bytes) : IpAddress::v4(bytes[0], bytes[1], bytes[2], bytes[3]);

        std::array<char, INET6_ADDRSTRLEN> text{};
        ASSERT_NE(::inet_ntop(is_v6 ? AF_INET6 : AF_INET, bytes.data(), text.data(), text.size()), nullptr);
        ASSERT_EQ(address.to_string(), text.data());
        ASSERT_EQ(must(IpAddress::parse(address.to_string())), address);
        ASSERT_TRUE(std::ranges::equal(address.bytes(), std::span(bytes).first(is_v6 ? 16 : 4)));
    }
}

// Texts that are addresses, or nearly so. Leading zeros in an IPv4 tail are left out: Wine accepts them.
TEST(IpAddress, ParsesLikeTheCLibrary) {
    std::mt19937 random(90210);
    constexpr std::string_view groups[] = {"0",    "1",  "12", "db8",   "fFfF", "00",
                                           "0001", "::", ":",  "12345", "g",    ""};
    constexpr std::string_view tails[] = {"1.2.3.4", "0.0.0.0", "255.1.1.256", "1.2.3", "1.2.3.4."};
    int accepted = 0;
    for (int round = 0; round < 200'000; ++round) {
        std::string text;
        const auto count = random() % 10;
        for (std::uint32_t i = 0; i < count; ++i) {
            text += groups[random() % 8 == 0 ? random() % std::size(groups) : random() % 5];
            if (i + 1 < count) text += random() % 8 == 0 ? "::" : ":";
        }
        if (random() % 4 == 0 && (text.empty() || text.ends_with(':')))
            text += tails[random() % 3 == 0 ? random() % std::size(tails) : 0];
        std::array<std::uint8_t, 16> bytes{};
        const bool is_v6 = ::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1;
        const bool is_v4 = !is_v6 && ::inet_pton(AF_INET, text.c_str(), bytes.data()) == 1;
        const auto parsed = IpAddress::parse(text);
        ASSERT_EQ(parsed.has_value(), is_v4 || is_v6) << text;
        if (!parsed) continue;
        ++accepted;
        ASSERT_EQ(parsed->is_v6(), is_v6) << text;
        ASSERT_TRUE(std::ranges::equal(parsed->bytes(), std::span(bytes).first(is_v6 ? 16 : 4))) << text;
    }
    EXPECT_GT(accepted, 10'000) << "the texts are not near enough to addresses";
}

TEST(IpAddress, AcceptsNoTextThatTheCLibraryRejects) {
    std::mt19937 random(4711);
    constexpr std::string_view alphabet = "0123456789abfF:.%[] x";
    for (int round = 0; round < 50'000; ++round) {
        std::string text(random() % 20, '\0');
        for (char& letter : text) letter = alphabet[random() % alphabet.size()];
        std::array<std::uint8_t, 16> bytes{};
        const bool is_address = ::inet_pton(AF_INET, text.c_str(), bytes.data()) == 1
                                || ::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1;
        ASSERT_EQ(IpAddress::parse(text).has_value(), is_address) << text;
    }
}

} // namespace
