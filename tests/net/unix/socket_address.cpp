#include <net/if.h>

#include "support.hpp"

using namespace test;
using mio::net::IpAddress;
using mio::net::SocketAddress;

TEST(SocketAddress, TakesAScopeByTheNameOfAnInterface) {
    const auto loopback = ::if_nametoindex("lo");
    ASSERT_NE(loopback, 0u);
    EXPECT_EQ(must(SocketAddress::parse("[fe80::1%lo]:80")),
              SocketAddress(must(IpAddress::parse("fe80::1")), 80, 0, loopback));
}
