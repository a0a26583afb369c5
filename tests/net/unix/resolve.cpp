#include <vector>

#include "support.hpp"

using namespace test;
using mio::net::resolve;
using mio::net::SocketAddress;

TEST(Resolve, AcceptsTheScopeOfANumericAddress) {
    EXPECT_EQ(must(resolve("fe80::1%lo", "80")), std::vector{must(SocketAddress::parse("[fe80::1%lo]:80"))});
}

TEST(Resolve, RejectsBracketedAddress) { EXPECT_FALSE(resolve("[::1]", "80")); } // Windows accepts brackets
