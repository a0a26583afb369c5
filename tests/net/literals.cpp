// Literals of addresses, and which texts do not compile.
#include <algorithm>
#include <cstddef>
#include <string_view>
#include <type_traits>

#include "support.hpp"

using namespace test;
using namespace mio::net::literals;
using mio::net::IpAddress;
using mio::net::IpPrefix;
using mio::net::SocketAddress;
using mio::net::UnixAddress;

namespace {

template <std::size_t size> struct Text {
    consteval Text(const char (&text)[size]) { std::ranges::copy(text, characters); }
    char characters[size]{};
};

// Whether the literal compiles.
template <auto> struct Constant;
template <Text text>
concept IsIp = requires { typename Constant<(operator""_ip(text.characters, sizeof text - 1), 0)>; };
template <Text text>
concept IsAddr = requires { typename Constant<(operator""_addr(text.characters, sizeof text - 1), 0)>; };
template <Text text>
concept IsPrefix = requires { typename Constant<(operator""_prefix(text.characters, sizeof text - 1), 0)>; };
template <Text text>
concept IsUnix = requires { typename Constant<(operator""_unix(text.characters, sizeof text - 1), 0)>; };

static_assert("127.0.0.1"_ip == IpAddress::loopback_v4() && "::1"_ip == IpAddress::loopback_v6());
static_assert(IsIp<"127.0.0.1"> && IsIp<"::ffff:1.2.3.4">);
static_assert(!IsIp<""> && !IsIp<"127.1"> && !IsIp<"::1%1"> && !IsIp<"127.0.0.1:80"> && !IsIp<"localhost">);

static_assert("127.0.0.1:80"_addr == SocketAddress(IpAddress::loopback_v4(), 80));
static_assert("[::1]:0"_addr == SocketAddress(IpAddress::loopback_v6(), 0));
static_assert("[fe80::1%3]:443"_addr == SocketAddress("fe80::1"_ip, 443, 0, 3));
static_assert(IsAddr<"127.0.0.1:80"> && IsAddr<"[::1%4294967295]:65535">);
static_assert(!IsAddr<""> && !IsAddr<"127.0.0.1"> && !IsAddr<"127.0.0.1:65536"> && !IsAddr<"::1:80">);
static_assert(!IsAddr<"[::1%4294967296]:80"> && !IsAddr<"[1.2.3.4]:80"> && !IsAddr<"1.2.3.4%1:80">);
static_assert(!IsAddr<"[::1%lo]:80">, "interfaces are not known at compile time");

static_assert("10.0.0.0/8"_prefix.length() == 8);
static_assert(IsPrefix<"::/128"> && IsPrefix<"10.1.2.3/8">);
static_assert(!IsPrefix<"10.0.0.0"> && !IsPrefix<"10.0.0.0/33"> && !IsPrefix<"::/129">
              && !IsPrefix<"10.0.0.0/08">);

constexpr auto unix_constant = "/run/server.sock"_unix;
static_assert(unix_constant.path() == "/run/server.sock");
static_assert(IsUnix<"x">);
static_assert(!IsUnix<""> && !IsUnix<"a\0b">);
static_assert(
    IsUnix<
        "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
        "012">);
static_assert(
    !IsUnix<
        "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
        "0123">,
    "too long on BSD and Apple");

TEST(Literals, EqualTheParsedText) {
    EXPECT_EQ("192.0.2.1"_ip, must(IpAddress::parse("192.0.2.1")));
    EXPECT_EQ("2001:db8::7"_ip, must(IpAddress::parse("2001:db8::7")));
    EXPECT_EQ("192.0.2.1:80"_addr, must(SocketAddress::parse("192.0.2.1:80")));
    EXPECT_EQ("[fe80::1%2]:0080"_addr, must(SocketAddress::parse("[fe80::1%2]:0080")));
    EXPECT_EQ("192.168.1.7/24"_prefix, must(IpPrefix::parse("192.168.1.7/24")));
    EXPECT_EQ("a socket"_unix, must(UnixAddress::from_path("a socket")));
}

TEST(Literals, ServeAsAddressesOfSockets) {
    const auto listener = must(mio::net::TcpListener::bind("127.0.0.1:0"_addr));
    EXPECT_EQ(must(listener.local_address()).ip(), "127.0.0.1"_ip);
}

} // namespace
