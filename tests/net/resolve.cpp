#include "sockets.hpp"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "support.hpp"

using namespace test;
using namespace std::string_view_literals;
using mio::net::IpAddress;
using mio::net::resolve;
using mio::net::ResolveErrc;
using mio::net::SocketAddress;

namespace {

bool has(const std::vector<SocketAddress>& addresses, const SocketAddress& address) {
    return std::ranges::find(addresses, address) != addresses.end();
}

TEST(Resolve, ResolvesLocalhost) {
    if (!resolves_localhost()) GTEST_SKIP() << "no /etc/hosts (bare chroot)";
    const auto addresses = must(resolve("localhost", "80"));
    ASSERT_FALSE(addresses.empty());
    for (const auto& address : addresses) {
        EXPECT_TRUE(address.ip().is_loopback()) << address.to_string();
        EXPECT_EQ(address.port(), 80);
    }
    EXPECT_TRUE(has(addresses, {IpAddress::loopback_v4(), 80})
                || has(addresses, {IpAddress::loopback_v6(), 80}));
}

TEST(Resolve, ReturnsEachAddressOnce) {
    if (!resolves_localhost()) GTEST_SKIP() << "no /etc/hosts (bare chroot)";
    for (const auto host : {"localhost"sv, "127.0.0.1"sv, "::1"sv, ""sv}) {
        auto addresses = must(resolve(host, "80"));
        std::ranges::sort(addresses);
        EXPECT_EQ(std::ranges::adjacent_find(addresses), addresses.end()) << host;
    }
}

TEST(Resolve, AcceptsNumericAddresses) {
    EXPECT_EQ(must(resolve("192.0.2.17", "65535")),
              std::vector{SocketAddress(IpAddress::v4(192, 0, 2, 17), 65535)});
    EXPECT_EQ(must(resolve("::1", "1")), std::vector{SocketAddress(IpAddress::loopback_v6(), 1)});
    EXPECT_EQ(must(resolve("2001:db8::7", "443")),
              std::vector{SocketAddress(must(IpAddress::parse("2001:db8::7")), 443)});
}

TEST(Resolve, EmptyHostResolvesToLoopback) {
    const auto addresses = must(resolve("", "8080"));
    ASSERT_FALSE(addresses.empty());
    for (const auto& address : addresses) {
        EXPECT_TRUE(address.ip().is_loopback()) << address.to_string();
        EXPECT_EQ(address.port(), 8080);
    }
}

TEST(Resolve, AcceptsDecimalPorts) {
    for (const auto& [text, port] :
         std::initializer_list<std::pair<std::string_view, std::uint16_t>>{{"0", 0},
                                                                           {"1", 1},
                                                                           {"80", 80},
                                                                           {"0080", 80},
                                                                           {"65534", 65534},
                                                                           {"65535", 65535},
                                                                           {"00000065535", 65535}}) {
        EXPECT_EQ(must(resolve("127.0.0.1", text)),
                  std::vector{SocketAddress(IpAddress::loopback_v4(), port)})
            << text;
        EXPECT_EQ(must(resolve("::1", text)), std::vector{SocketAddress(IpAddress::loopback_v6(), port)})
            << text;
    }
}

TEST(Resolve, RejectsInvalidServices) {
    const std::string long_number(100'000, '1'), long_name(100'000, 'x');
    for (const std::string_view service : {"65536"sv,
                                           "65537"sv,
                                           "70000"sv,
                                           "99999"sv,
                                           "131152"sv,
                                           "4294967296"sv,
                                           "4294967376"sv,
                                           "18446744073709551616"sv,
                                           "18446744073709551696"sv,
                                           "-1"sv,
                                           "-0"sv,
                                           "+80"sv,
                                           "+"sv,
                                           "-"sv,
                                           " 80"sv,
                                           "80 "sv,
                                           "\t80"sv,
                                           "\n80"sv,
                                           "80\n"sv,
                                           " "sv,
                                           "0x50"sv,
                                           "0X50"sv,
                                           "8 0"sv,
                                           "80.0"sv,
                                           "8e1"sv,
                                           "80,"sv,
                                           "http "sv,
                                           " http"sv,
                                           "ht tp"sv,
                                           "no-such-service"sv,
                                           "\xd9\xa8\xd9\xa0"sv,
                                           ""sv,
                                           std::string_view(long_number),
                                           std::string_view(long_name)}) {
        for (const auto host : {"127.0.0.1"sv, "::1"sv}) {
            const auto resolved = resolve(host, service);
            ASSERT_FALSE(resolved) << '"' << service.substr(0, 40) << '"';
            EXPECT_EQ(&resolved.error().category(), &mio::net::resolver_category()) << service.substr(0, 40);
            EXPECT_EQ(resolved.error(), ResolveErrc::service_not_found) << service.substr(0, 40);
            EXPECT_FALSE(resolved.error().message().empty());
        }
    }
}

TEST(Resolve, RejectsNonPortableNumericHosts) {
    const std::string long_name(100'000, 'x');
    for (const std::string_view host : {"1"sv,
                                        "0"sv,
                                        "127.1"sv,
                                        "127.0.1"sv,
                                        "2130706433"sv,
                                        "0x7f000001"sv,
                                        "0x7f.1"sv,
                                        "0x7f.0.0.1"sv,
                                        "127.0.0.0x1"sv,
                                        "0177.0.0.1"sv,
                                        "127.0.0.01"sv,
                                        "127.0.0.256"sv,
                                        "1.2.3.4.5"sv,
                                        "127.0.0.1."sv,
                                        "127.0.0.1 "sv,
                                        " 127.0.0.1"sv,
                                        "127.0.0.1\n"sv,
                                        "127.0.0.1 x"sv,
                                        "::1 "sv,
                                        "[::1]"sv,
                                        "::1%"sv,
                                        "::g"sv,
                                        "1.2.3.4:80"sv,
                                        "256.256.256.256"sv,
                                        "4294967296"sv,
                                        "a b"sv,
                                        "\t"sv,
                                        " "sv,
                                        "."sv,
                                        "-"sv,
                                        std::string_view(long_name)}) {
        const auto resolved = resolve(host, "80");
        ASSERT_FALSE(resolved) << '"' << host.substr(0, 40) << "\" is " << resolved->front().to_string();
        EXPECT_EQ(&resolved.error().category(), &mio::net::resolver_category()) << host.substr(0, 40);
    }
    for (const std::string_view host :
         {"1"sv, "0x7f.1"sv, "127.0.0.1 "sv, "[::1]"sv, std::string_view(long_name)})
        EXPECT_EQ(resolve(host, "80").error(), ResolveErrc::host_not_found) << host.substr(0, 40);
}

TEST(Resolve, ResolvesServiceNames) {
    if (::getservbyname("http", "tcp") == nullptr) GTEST_SKIP() << "no services database";
    EXPECT_EQ(must(resolve("127.0.0.1", "http")), std::vector{SocketAddress(IpAddress::loopback_v4(), 80)});
}

TEST(Resolve, AcceptsUnterminatedViews) {
    const auto host = "127.0.0.123"sv;
    const auto service = "8080"sv;
    EXPECT_EQ(must(resolve(host.substr(0, 9), service.substr(0, 2))),
              std::vector{SocketAddress(IpAddress::loopback_v4(), 80)});
}

TEST(Resolve, UnknownHostFailsWithTheResolversError) {
    // A domain that never resolves (RFC 2606). Without a network the error differs.
    const auto resolved = resolve("no-such-host.invalid", "80");
    ASSERT_FALSE(resolved);
    EXPECT_EQ(&resolved.error().category(), &mio::net::resolver_category());
    EXPECT_TRUE(resolved.error().value() == EAI_NONAME || resolved.error().value() == EAI_AGAIN)
        << resolved.error().message();
    // Windows appends a full stop.
    EXPECT_TRUE(
        std::string_view(::gai_strerror(resolved.error().value())).starts_with(resolved.error().message()));
    EXPECT_FALSE(mio::would_block(resolved.error())) << "not a would-block error";
}

TEST(Resolve, RejectsInvalidHostNames) {
    for (const auto host : {"no such host"sv, "1.2.3.4:80"sv, "256.256.256.256"sv, "-"sv}) {
        const auto resolved = resolve(host, "80");
        ASSERT_FALSE(resolved) << host;
        EXPECT_EQ(&resolved.error().category(), &mio::net::resolver_category()) << host;
    }
    EXPECT_FALSE(resolve(std::string(100'000, 'x'), "80"));
}

TEST(Resolve, UnknownServiceFailsWithTheResolversError) {
    for (const auto service : {"no-such-service"sv, "-1"sv, "80 "sv, " "sv}) {
        const auto resolved = resolve("127.0.0.1", service);
        ASSERT_FALSE(resolved) << service;
        EXPECT_EQ(&resolved.error().category(), &mio::net::resolver_category()) << service;
        EXPECT_FALSE(resolved.error().message().empty());
    }
}

TEST(Resolve, FailsWithoutHostAndService) {
    EXPECT_TRUE(fails_with(resolve("", ""), std::error_code(EAI_NONAME, mio::net::resolver_category())));
}

TEST(Resolve, RejectsEmbeddedNul) {
    EXPECT_TRUE(fails_with(resolve("127.0.0.1\0.example"sv, "80"), mio::Errc::interior_nul));
    EXPECT_TRUE(fails_with(resolve("127.0.0.1\0"sv, "80"), mio::Errc::interior_nul));
    EXPECT_TRUE(fails_with(resolve("127.0.0.1", "80\0"sv), mio::Errc::interior_nul));
    EXPECT_TRUE(fails_with(resolve("\0"sv, "80"), mio::Errc::interior_nul));
}

TEST(Resolve, HasAMessageForEachError) {
    const auto code = [](int value) { return std::error_code(value, mio::net::resolver_category()); };
    EXPECT_EQ(code(EAI_NONAME), ResolveErrc::host_not_found);
    EXPECT_EQ(code(EAI_SERVICE), ResolveErrc::service_not_found);
    EXPECT_EQ(code(EAI_AGAIN), ResolveErrc::try_again);
    EXPECT_EQ(code(EAI_FAIL), ResolveErrc::failed);
    EXPECT_NE(code(EAI_NONAME), ResolveErrc::service_not_found);
    EXPECT_NE(code(EAI_AGAIN), ResolveErrc::failed);
    EXPECT_NE(std::error_code(), ResolveErrc::host_not_found);
    EXPECT_NE(std::error_code(EAI_NONAME, mio::os_category()), ResolveErrc::host_not_found);
    for (const auto name : {ResolveErrc::host_not_found, ResolveErrc::service_not_found,
                            ResolveErrc::try_again, ResolveErrc::failed})
        EXPECT_FALSE(make_error_condition(name).message().empty());
}

TEST(Resolve, HasItsOwnErrorCategory) {
    const auto& category = mio::net::resolver_category();
    EXPECT_STREQ(category.name(), "resolver");
    EXPECT_EQ(&category, &mio::net::resolver_category());
    EXPECT_NE(category, mio::os_category());
    EXPECT_NE(category, mio::error_category());
    EXPECT_TRUE(std::string_view(::gai_strerror(EAI_NONAME)).starts_with(category.message(EAI_NONAME)));
    EXPECT_FALSE(category.message(EAI_NONAME).empty());
}

TEST(Resolve, LeaksNoDescriptors) {
    // Exclude what the resolver opens once and keeps.
    (void)resolve("no-such-host.invalid", "80");
    const DescriptorGuard guard;
    for (int round = 0; round < 10; ++round) {
        (void)resolve("localhost", "80");
        (void)resolve("no-such-host.invalid", "80");
        (void)resolve("127.0.0.1", "no-such-service");
    }
}

} // namespace
