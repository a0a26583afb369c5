#include <netdb.h>

#include <string>
#include <string_view>
#include <vector>

#include "support.hpp"

using namespace test;
using mio::net::resolve;
using mio::net::SocketAddress;

TEST(Resolve, AcceptsTheScopeOfANumericAddress) {
    EXPECT_EQ(must(resolve("fe80::1%lo", "80")), std::vector{must(SocketAddress::parse("[fe80::1%lo]:80"))});
}

// The C library accepts interface names only for link-local addresses, `SocketAddress::parse` for any.
TEST(Resolve, AcceptsTheScopesThatAddressesAccept) {
    for (const std::string host : {"::1%lo", "::1%1", "2001:db8::7%lo", "2001:db8::7%3", "fe80::1%lo",
                                   "fe80::1%0", "fe80::1%4294967295", "ff02::1%lo", "::ffff:1.2.3.4%lo"}) {
        const auto parsed = must(SocketAddress::parse('[' + host + "]:80"));
        const auto resolved = resolve(host, "80");
        ASSERT_TRUE(resolved) << host << ": " << resolved.error().message();
        EXPECT_EQ(*resolved, std::vector{parsed}) << host;
        if (::getservbyname("http", "tcp") == nullptr) continue;
        EXPECT_EQ(must(resolve(host, "http")), std::vector{parsed}) << host;
    }
}

TEST(Resolve, RejectsTheScopesThatAddressesReject) {
    for (const std::string host : {"::1%", "::1%nosuchinterface", "fe80::1%nosuchinterface", "fe80::1%lo:1",
                                   "fe80::1%lo%lo", "fe80::1%4294967296", "fe80::1%-1", "fe80::1%+1",
                                   "fe80::1%0x1", "fe80::1%LO", "1.2.3.4%lo", "1.2.3.4%1", "localhost%lo"}) {
        ASSERT_FALSE(SocketAddress::parse('[' + host + "]:80")) << host;
        const auto resolved = resolve(host, "80");
        ASSERT_FALSE(resolved) << host;
        EXPECT_EQ(&resolved.error().category(), &mio::net::resolver_category()) << host;
    }
}

TEST(Resolve, RejectsBracketedAddress) { EXPECT_FALSE(resolve("[::1]", "80")); } // Windows accepts brackets
