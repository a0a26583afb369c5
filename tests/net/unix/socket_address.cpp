#include <net/if.h>

#include "support.hpp"

using namespace test;
using mio::net::IpAddress;
using mio::net::SocketAddress;

TEST(SocketAddress, AcceptsAnInterfaceNameAsScope) {
    const auto loopback = ::if_nametoindex("lo");
    ASSERT_NE(loopback, 0u);
    EXPECT_EQ(must(SocketAddress::parse("[fe80::1%lo]:80")),
              SocketAddress(must(IpAddress::parse("fe80::1")), 80, 0, loopback));
}

TEST(SocketAddress, RejectsUnknownInterfaceNames) {
    for (const auto* text :
         {"[fe80::1%lo:1]:80", "[fe80::1%lo:]:80", "[fe80::1%lo ]:80", "[fe80::1% lo]:80", "[fe80::1%]:80",
          "[fe80::1%+1]:80", "[fe80::1%-1]:80", "[fe80::1%1 ]:80", "[fe80::1%0x1]:80",
          "[fe80::1%4294967296]:80", "[fe80::1%99999999999999999999]:80", "[fe80::1%lo%lo]:80",
          "[fe80::1%lolololololololololololololo]:80"}) {
        EXPECT_TRUE(fails_with(SocketAddress::parse(text), mio::Errc::invalid_address)) << text;
    }
}
