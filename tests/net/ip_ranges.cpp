// The predicates of IpAddress, against the ranges that the RFCs and IANA's special-purpose address registries state.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "support.hpp"

using namespace test;
using mio::net::IpAddress;

namespace {

struct Range {
    std::string_view first;
    std::string_view last;
};

struct Predicate {
    std::string_view name;
    bool (IpAddress::*holds)() const noexcept;
    std::vector<Range> ranges;
};

/// `holds` is true in these ranges and nowhere else.
const std::vector<Predicate>& predicates() {
    static const std::vector<Predicate> table{
        {"is_unspecified", &IpAddress::is_unspecified, {{"0.0.0.0", "0.0.0.0"}, {"::", "::"}}},
        {"is_loopback", &IpAddress::is_loopback, {{"127.0.0.0", "127.255.255.255"}, {"::1", "::1"}}},
        {"is_private",
         &IpAddress::is_private,
         {{"10.0.0.0", "10.255.255.255"},
          {"172.16.0.0", "172.31.255.255"},
          {"192.168.0.0", "192.168.255.255"}}},
        {"is_shared", &IpAddress::is_shared, {{"100.64.0.0", "100.127.255.255"}}},
        {"is_link_local",
         &IpAddress::is_link_local,
         {{"169.254.0.0", "169.254.255.255"}, {"fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}}},
        {"is_unique_local",
         &IpAddress::is_unique_local,
         {{"fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}}},
        {"is_multicast",
         &IpAddress::is_multicast,
         {{"224.0.0.0", "239.255.255.255"}, {"ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}}},
        {"is_documentation",
         &IpAddress::is_documentation,
         {{"192.0.2.0", "192.0.2.255"},
          {"198.51.100.0", "198.51.100.255"},
          {"203.0.113.0", "203.0.113.255"},
          {"2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"},
          {"3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"}}},
        {"is_benchmarking",
         &IpAddress::is_benchmarking,
         {{"198.18.0.0", "198.19.255.255"}, {"2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff"}}},
        {"is_broadcast", &IpAddress::is_broadcast, {{"255.255.255.255", "255.255.255.255"}}},
        {"is_reserved", &IpAddress::is_reserved, {{"240.0.0.0", "255.255.255.254"}}},
        {"is_v4_mapped", &IpAddress::is_v4_mapped, {{"::ffff:0.0.0.0", "::ffff:255.255.255.255"}}},
        {"is_global",
         &IpAddress::is_global,
         {// between "this network", private, shared, loopback and link-local
          {"1.0.0.0", "9.255.255.255"},
          {"11.0.0.0", "100.63.255.255"},
          {"100.128.0.0", "126.255.255.255"},
          {"128.0.0.0", "169.253.255.255"},
          {"169.255.0.0", "172.15.255.255"},
          {"172.32.0.0", "191.255.255.255"},
          // 192.0.0.0/24 without the anycast addresses of PCP and TURN
          {"192.0.0.9", "192.0.0.10"},
          {"192.0.1.0", "192.0.1.255"},
          {"192.0.3.0", "192.88.98.255"},
          {"192.88.100.0", "192.167.255.255"},
          {"192.169.0.0", "198.17.255.255"},
          {"198.20.0.0", "198.51.99.255"},
          {"198.51.101.0", "203.0.112.255"},
          {"203.0.114.0", "223.255.255.255"},
          // IPv6, up to IPv4-mapped addresses and around the translation prefixes
          {"::2", "::fffe:ffff:ffff"},
          {"::1:0:0:0", "64:ff9b:0:ffff:ffff:ffff:ffff:ffff"},
          {"64:ff9b:2::", "ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
          {"100:0:0:2::", "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
          // 2001::/23 without its globally reachable parts
          {"2001:1::1", "2001:1::3"},
          {"2001:3::", "2001:3:ffff:ffff:ffff:ffff:ffff:ffff"},
          {"2001:4:112::", "2001:4:112:ffff:ffff:ffff:ffff:ffff"},
          {"2001:20::", "2001:3f:ffff:ffff:ffff:ffff:ffff:ffff"},
          {"2001:200::", "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff"},
          {"2001:db9::", "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
          {"2003::", "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
          {"3fff:1000::", "5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
          {"5f01::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
          {"fe00::", "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
          {"fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}}},
    };
    return table;
}

IpAddress from_bytes(bool is_v6, const std::array<std::uint8_t, 16>& bytes) {
    return is_v6 ? IpAddress::v6(bytes) : IpAddress::v4(bytes[0], bytes[1], bytes[2], bytes[3]);
}

/// The address plus `step`, 1 or -1; wraps around within its family.
IpAddress moved(const IpAddress& address, int step) {
    std::array<std::uint8_t, 16> bytes{};
    std::ranges::copy(address.bytes(), bytes.begin());
    for (std::size_t i = address.bytes().size(); i-- > 0;) {
        bytes[i] = static_cast<std::uint8_t>(bytes[i] + step);
        if (bytes[i] != (step > 0 ? 0x00 : 0xff)) break;
    }
    return from_bytes(address.is_v6(), bytes);
}

bool is_in(const IpAddress& address, const std::vector<Range>& ranges) {
    return std::ranges::any_of(ranges, [&](const Range& range) {
        const auto first = must(IpAddress::parse(range.first));
        const auto last = must(IpAddress::parse(range.last));
        return address.is_v6() == first.is_v6() && first <= address && address <= last;
    });
}

/// Both ends of every range of every predicate, and the addresses beside them.
std::vector<IpAddress> boundaries() {
    std::vector<IpAddress> addresses;
    for (const auto& predicate : predicates()) {
        for (const auto& range : predicate.ranges) {
            for (const auto text : {range.first, range.last}) {
                const auto address = must(IpAddress::parse(text));
                addresses.insert(addresses.end(), {moved(address, -1), address, moved(address, 1)});
            }
        }
    }
    return addresses;
}

TEST(IpAddress, PredicatesHoldExactlyInTheirRanges) {
    const auto addresses = boundaries();
    ASSERT_GT(addresses.size(), 300u);
    for (const auto& predicate : predicates()) {
        for (const auto& address : addresses) {
            EXPECT_EQ((address.*predicate.holds)(), is_in(address, predicate.ranges))
                << predicate.name << " of " << address.to_string();
        }
    }
}

// The purposes exclude each other, except that some contain others.
TEST(IpAddress, GlobalAddressesHaveNoSpecialPurpose) {
    for (const auto& address : boundaries()) {
        if (!address.is_global()) continue;
        for (const auto& predicate : predicates()) {
            if (predicate.name == "is_global") continue;
            EXPECT_FALSE((address.*predicate.holds)()) << predicate.name << " of " << address.to_string();
        }
    }
}

// IANA's special-purpose registries: every entry, and whether it is globally reachable.
TEST(IpAddress, IsGlobalAgreesWithTheRegistries) {
    struct Entry {
        std::string_view address;
        bool is_global;
    };
    for (const auto& [text, is_global] : {Entry{"0.0.0.0", false},
                                          {"0.1.2.3", false},
                                          {"10.1.2.3", false},
                                          {"100.64.0.1", false},
                                          {"127.0.0.1", false},
                                          {"169.254.1.1", false},
                                          {"172.16.0.1", false},
                                          {"192.0.0.1", false},   // IETF protocol assignments
                                          {"192.0.0.7", false},   // IPv4 service continuity (DS-Lite)
                                          {"192.0.0.8", false},   // dummy address
                                          {"192.0.0.9", true},    // port control protocol anycast
                                          {"192.0.0.10", true},   // TURN anycast
                                          {"192.0.0.170", false}, // NAT64 discovery
                                          {"192.0.0.171", false},
                                          {"192.0.2.1", false},
                                          {"192.31.196.1", true}, // AS112
                                          {"192.52.193.1", true}, // AMT
                                          {"192.88.99.1", false}, // 6to4 relay anycast (deprecated)
                                          {"192.168.1.1", false},
                                          {"192.175.48.1", true}, // direct delegation AS112
                                          {"198.18.0.1", false},
                                          {"198.51.100.1", false},
                                          {"203.0.113.1", false},
                                          {"240.0.0.1", false},
                                          {"255.255.255.255", false},
                                          {"224.0.0.1", false},
                                          {"8.8.8.8", true},
                                          {"::", false},
                                          {"::1", false},
                                          {"::ffff:8.8.8.8", false},
                                          {"64:ff9b::808:808", true}, // IPv4-IPv6 translation
                                          {"64:ff9b:1::1", false},    // local-use translation
                                          {"100::1", false},          // discard-only
                                          {"100:0:0:1::1", false},    // dummy prefix
                                          {"2001::1", false},         // TEREDO
                                          {"2001:1::1", true},        // port control protocol anycast
                                          {"2001:1::2", true},        // TURN anycast
                                          {"2001:1::3", true},        // DNS-SD service registration anycast
                                          {"2001:1::4", false},
                                          {"2001:2::1", false},    // benchmarking
                                          {"2001:3::1", true},     // AMT
                                          {"2001:4:112::1", true}, // AS112
                                          {"2001:10::1", false},   // ORCHID (deprecated)
                                          {"2001:20::1", true},    // ORCHIDv2
                                          {"2001:30::1", true},    // drone remote ID
                                          {"2001:40::1", false},
                                          {"2001:db8::1", false},
                                          {"2002::1", false},        // 6to4
                                          {"2620:4f:8000::1", true}, // direct delegation AS112
                                          {"3fff::1", false},
                                          {"5f00::1", false}, // segment routing
                                          {"fc00::1", false},
                                          {"fe80::1", false},
                                          {"ff02::1", false},
                                          {"ff0e::1", false},
                                          {"2606:4700:4700::1111", true}}) {
        EXPECT_EQ(must(IpAddress::parse(text)).is_global(), is_global) << text;
    }
}

TEST(IpAddress, MapsIPv4ToIPv6AndBack) {
    const auto v4 = IpAddress::v4(192, 0, 2, 7);
    EXPECT_EQ(v4.mapped().to_string(), "::ffff:192.0.2.7");
    EXPECT_EQ(v4.mapped().unmapped(), v4);
    EXPECT_TRUE(v4.mapped().is_v4_mapped());
    EXPECT_FALSE(v4.is_v4_mapped());
    EXPECT_EQ(v4.unmapped(), v4);
    for (const auto& address : boundaries()) {
        EXPECT_EQ(address.mapped().unmapped(), address.unmapped()) << address.to_string();
        EXPECT_TRUE(address.mapped().is_v6());
        EXPECT_EQ(address.unmapped() == address, !address.is_v4_mapped()) << address.to_string();
        EXPECT_EQ(address.mapped() == address, address.is_v6()) << address.to_string();
    }
    // IPv4-compatible and translated addresses are not mapped ones.
    for (const auto text : {"::1.2.3.4", "64:ff9b::1.2.3.4", "::fffe:1.2.3.4", "::1:ffff:1.2.3.4"})
        EXPECT_EQ(must(IpAddress::parse(text)).unmapped(), must(IpAddress::parse(text))) << text;
}

TEST(IpAddress, PredicatesDoNotLookThroughMappedAddresses) {
    for (const auto text :
         {"127.0.0.1", "10.0.0.1", "169.254.0.1", "192.0.2.1", "224.0.0.1", "255.255.255.255"}) {
        const auto mapped = must(IpAddress::parse(text)).mapped();
        for (const auto& predicate : predicates()) {
            EXPECT_EQ((mapped.*predicate.holds)(), predicate.name == "is_v4_mapped")
                << predicate.name << text;
        }
    }
}

} // namespace
