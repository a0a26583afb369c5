#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <vector>

#include "support.hpp"

using namespace test;
using namespace std::string_literals;
using namespace mio::net::literals;
using mio::net::IpAddress;
using mio::net::IpPrefix;

namespace {

static_assert(IpPrefix() == "0.0.0.0/0"_prefix);
static_assert("10.1.2.3/8"_prefix.address() == IpAddress::v4(10, 1, 2, 3));
static_assert("10.1.2.3/8"_prefix.length() == 8);
static_assert("10.0.0.0/8"_prefix.contains("10.255.0.1"_ip) && !"10.0.0.0/8"_prefix.contains("11.0.0.0"_ip));
static_assert("10.1.2.3/8"_prefix.canonical() == "10.0.0.0/8"_prefix);
static_assert(std::is_trivially_copyable_v<IpPrefix> && std::regular<IpPrefix>);

IpPrefix prefix(std::string_view text) { return must(IpPrefix::parse(text)); }
IpAddress ip(std::string_view text) { return must(IpAddress::parse(text)); }

/// Whether bit `i`, counted from the first, is set.
bool bit(const IpAddress& address, std::size_t i) { return (address.bytes()[i / 8] >> (7 - i % 8) & 1) != 0; }

TEST(IpPrefix, ParsesAnAddressAndALength) {
    EXPECT_EQ(prefix("0.0.0.0/0"), IpPrefix());
    EXPECT_EQ(prefix("10.0.0.0/8").address(), IpAddress::v4(10, 0, 0, 0));
    EXPECT_EQ(prefix("10.0.0.0/8").length(), 8u);
    EXPECT_EQ(prefix("255.255.255.255/32").length(), 32u);
    EXPECT_EQ(prefix("::/0").address(), IpAddress::any_v6());
    EXPECT_EQ(prefix("2001:db8::/32").length(), 32u);
    EXPECT_EQ(prefix("::1/128").length(), 128u);
    EXPECT_EQ(prefix("::ffff:10.0.0.0/104").length(), 104u);
    EXPECT_EQ(prefix("192.168.1.7/24").address(), IpAddress::v4(192, 168, 1, 7)) << "the host bits are kept";
}

TEST(IpPrefix, RejectsMalformedText) {
    for (const auto& text : {""s,
                             "/"s,
                             "/8"s,
                             "10.0.0.0"s,
                             "10.0.0.0/"s,
                             "10.0.0.0//8"s,
                             "10.0.0.0/8/8"s,
                             "10.0.0.0/33"s,
                             "10.0.0.0/128"s,
                             "10.0.0.0/256"s,
                             "10.0.0.0/264"s,
                             "10.0.0.0/4294967304"s,
                             "10.0.0.0/18446744073709551624"s,
                             "10.0.0.0/-1"s,
                             "10.0.0.0/+8"s,
                             "10.0.0.0/08"s,
                             "10.0.0.0/008"s,
                             "10.0.0.0/00"s,
                             "10.0.0.0/ 8"s,
                             "10.0.0.0/8 "s,
                             " 10.0.0.0/8"s,
                             "10.0.0.0 /8"s,
                             "10.0.0.0/0x8"s,
                             "10.0.0.0/8."s,
                             "10.0.0.0/255.0.0.0"s,
                             "10/8"s,
                             "10.0/8"s,
                             "10.0.0/8"s,
                             "10.0.0.0.0/8"s,
                             "[::]/0"s,
                             "::/129"s,
                             "::/-0"s,
                             "::/"s,
                             "fe80::%1/10"s,
                             "fe80::/10%1"s,
                             "fe80::%lo/10"s,
                             "::1"s,
                             "10.0.0.0:80/8"s,
                             "localhost/8"s,
                             "10.0.0.0/8\0"s,
                             "10.0.0.0\0/8"s,
                             "\0/8"s,
                             "10.0.0.0/８"s,
                             "10.0.0.0/" + std::string(1'000'000, '1'),
                             std::string(1'000'000, '/')}) {
        EXPECT_TRUE(fails_with(IpPrefix::parse(text), mio::Errc::invalid_address))
            << testing::PrintToString(text.substr(0, 60));
    }
}

TEST(IpPrefix, IsMadeFromAnAddressAndALength) {
    EXPECT_EQ(must(IpPrefix::from(IpAddress::v4(10, 0, 0, 0), 8)), "10.0.0.0/8"_prefix);
    EXPECT_EQ(must(IpPrefix::from(IpAddress::any_v6(), 128)), "::/128"_prefix);
    for (const std::size_t length : {std::size_t{33}, std::size_t{128}, std::size_t{256}, std::size_t{264},
                                     std::numeric_limits<std::size_t>::max()})
        EXPECT_TRUE(fails_with(IpPrefix::from(IpAddress::any_v4(), length), mio::Errc::invalid_address));
    for (const std::size_t length :
         {std::size_t{129}, std::size_t{256}, std::size_t{384}, std::numeric_limits<std::size_t>::max()})
        EXPECT_TRUE(fails_with(IpPrefix::from(IpAddress::any_v6(), length), mio::Errc::invalid_address));
}

TEST(IpPrefix, ContainsTheAddressesOfItsNetwork) {
    const auto network = prefix("172.16.0.0/12");
    EXPECT_FALSE(network.contains(ip("172.15.255.255")));
    EXPECT_TRUE(network.contains(ip("172.16.0.0")));
    EXPECT_TRUE(network.contains(ip("172.31.255.255")));
    EXPECT_FALSE(network.contains(ip("172.32.0.0")));

    const auto network6 = prefix("2001:db8:8000::/33");
    EXPECT_FALSE(network6.contains(ip("2001:db8:7fff:ffff:ffff:ffff:ffff:ffff")));
    EXPECT_TRUE(network6.contains(ip("2001:db8:8000::")));
    EXPECT_TRUE(network6.contains(ip("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff")));
    EXPECT_FALSE(network6.contains(ip("2001:db9::")));

    EXPECT_TRUE(prefix("0.0.0.0/0").contains(ip("255.255.255.255")));
    EXPECT_TRUE(prefix("::/0").contains(ip("ffff::")));
    EXPECT_TRUE(prefix("1.2.3.4/32").contains(ip("1.2.3.4")));
    EXPECT_FALSE(prefix("1.2.3.4/32").contains(ip("1.2.3.5")));
    EXPECT_TRUE(prefix("192.168.1.7/24").contains(ip("192.168.1.200"))) << "the host bits do not matter";
}

TEST(IpPrefix, ContainsNoAddressOfTheOtherFamily) {
    EXPECT_FALSE(prefix("0.0.0.0/0").contains(IpAddress::any_v6()));
    EXPECT_FALSE(prefix("::/0").contains(IpAddress::any_v4()));
    EXPECT_FALSE(prefix("10.0.0.0/8").contains(ip("::ffff:10.0.0.1")));
    EXPECT_TRUE(prefix("10.0.0.0/8").contains(ip("::ffff:10.0.0.1").unmapped()));
    EXPECT_TRUE(prefix("::ffff:10.0.0.0/104").contains(ip("::ffff:10.0.0.1")));
    EXPECT_FALSE(prefix("0.0.0.0/0").contains(prefix("::/0")));
    EXPECT_FALSE(prefix("::/0").overlaps(prefix("0.0.0.0/0")));
}

TEST(IpPrefix, ContainsSmallerPrefixes) {
    EXPECT_TRUE(prefix("10.0.0.0/8").contains(prefix("10.0.0.0/8")));
    EXPECT_TRUE(prefix("10.0.0.0/8").contains(prefix("10.1.0.0/16")));
    EXPECT_FALSE(prefix("10.1.0.0/16").contains(prefix("10.0.0.0/8")));
    EXPECT_FALSE(prefix("10.0.0.0/8").contains(prefix("11.0.0.0/16")));
    EXPECT_TRUE(prefix("10.1.0.0/16").overlaps(prefix("10.0.0.0/8")));
    EXPECT_TRUE(prefix("10.0.0.0/8").overlaps(prefix("10.1.0.0/16")));
    EXPECT_FALSE(prefix("10.0.0.0/16").overlaps(prefix("10.1.0.0/16")));
}

TEST(IpPrefix, CanonicalFormHasNoHostBits) {
    EXPECT_EQ(prefix("10.1.2.3/8").canonical(), prefix("10.0.0.0/8"));
    EXPECT_EQ(prefix("10.1.2.3/0").canonical(), prefix("0.0.0.0/0"));
    EXPECT_EQ(prefix("10.1.2.3/32").canonical(), prefix("10.1.2.3/32"));
    EXPECT_EQ(prefix("255.255.255.255/9").canonical(), prefix("255.128.0.0/9"));
    EXPECT_EQ(prefix("2001:db8:ffff::1/33").canonical(), prefix("2001:db8:8000::/33"));
    EXPECT_NE(prefix("10.1.2.3/8"), prefix("10.0.0.0/8")) << "comparison includes the host bits";
}

TEST(IpPrefix, AgreesWithComparingBitByBit) {
    std::mt19937 random(20251129);
    int contained = 0;
    for (int round = 0; round < 50'000; ++round) {
        std::uint8_t bytes[16];
        for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
        const bool is_v6 = round % 2 == 0;
        const std::size_t bits = is_v6 ? 128 : 32;
        const auto address = [&] {
            return is_v6 ? IpAddress::v6(bytes) : IpAddress::v4(bytes[0], bytes[1], bytes[2], bytes[3]);
        };
        const auto first = address();
        const auto network = must(IpPrefix::from(first, random() % (bits + 1)));
        // Differs from the first address in one bit.
        const auto changed = random() % bits;
        bytes[changed / 8] = static_cast<std::uint8_t>(bytes[changed / 8] ^ (0x80u >> changed % 8));
        const auto second = address();
        ASSERT_EQ(network.contains(second), changed >= network.length())
            << network.to_string() << ' ' << changed;
        contained += network.contains(second) ? 1 : 0;

        const auto canonical = network.canonical();
        ASSERT_EQ(canonical.length(), network.length());
        const auto cleared = canonical.address();
        for (std::size_t i = 0; i < bits; ++i)
            ASSERT_EQ(bit(cleared, i), i < network.length() && bit(first, i)) << network.to_string();
        ASSERT_TRUE(network.contains(cleared));
        ASSERT_EQ(prefix(network.to_string()), network);
    }
    EXPECT_GT(contained, 10'000);
}

TEST(IpPrefix, PrintsTheFormThatItParses) {
    EXPECT_EQ(IpPrefix().to_string(), "0.0.0.0/0");
    EXPECT_EQ("192.168.1.7/24"_prefix.to_string(), "192.168.1.7/24");
    EXPECT_EQ("2001:0DB8::0/32"_prefix.to_string(), "2001:db8::/32");
    EXPECT_EQ("::/128"_prefix.to_string(), "::/128");
}

TEST(IpPrefix, IsOrderedByAddressThenLength) {
    std::vector<IpPrefix> sorted{"0.0.0.0/0"_prefix,   "10.0.0.0/8"_prefix, "10.0.0.0/9"_prefix,
                                 "10.1.0.0/16"_prefix, "::/0"_prefix,       "::/128"_prefix};
    const auto expected = sorted;
    std::ranges::reverse(sorted);
    std::ranges::sort(sorted);
    EXPECT_EQ(sorted, expected);
}

TEST(IpPrefix, WorksAsAHashTableKey) {
    std::unordered_set<IpPrefix> set;
    std::unordered_set<std::size_t> digests;
    for (std::size_t i = 0; i < 10'000; ++i) {
        const auto address =
            IpAddress::v4(10, 0, static_cast<std::uint8_t>(i / 256), static_cast<std::uint8_t>(i));
        const auto key = must(IpPrefix::from(address, i % 33));
        set.insert(key);
        digests.insert(std::hash<IpPrefix>{}(key));
    }
    EXPECT_EQ(set.size(), 10'000u);
    EXPECT_GT(digests.size(), 9'900u) << "too many hash collisions";
    EXPECT_TRUE(set.contains("10.0.0.5/5"_prefix));
    EXPECT_FALSE(set.contains("10.0.0.5/6"_prefix));
}

} // namespace
