// IP addresses, prefixes and socket addresses: what `parse` accepts, compared with inet_pton(3), and that every address
// that it returns, or that is made of bytes, is printed in a form that parses to the same.
#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "fuzz.hpp"

import mio.net;

namespace {

using fuzz::require;
using mio::net::IpAddress;
using mio::net::IpPrefix;
using mio::net::SocketAddress;

std::optional<IpAddress> by_system(std::string_view text) {
    if (text.contains('\0')) return std::nullopt;
    const std::string copy(text);
    std::array<std::uint8_t, 16> bytes{};
    if (::inet_pton(AF_INET, copy.c_str(), bytes.data()) == 1)
        return IpAddress::v4(bytes[0], bytes[1], bytes[2], bytes[3]);
    if (::inet_pton(AF_INET6, copy.c_str(), bytes.data()) == 1) return IpAddress::v6(bytes);
    return std::nullopt;
}

void check(const IpAddress& address) {
    const auto text = address.to_string();
    const auto parsed = IpAddress::parse(text);
    require(parsed && *parsed == address, "an address parses as it is printed", text);
    require(by_system(text) == address, "the system parses an address as it is printed", text);
    require(text.size() < INET6_ADDRSTRLEN, "an address has at most 45 characters", text);
    require(address.mapped().unmapped() == address.unmapped(), "unmapping reverses mapping", text);
    require(address.mapped().is_v6() && !address.unmapped().is_v4_mapped(), "mapping and unmapping", text);
    require(std::hash<IpAddress>{}(address) == std::hash<IpAddress>{}(*parsed),
            "equal addresses, equal hashes", text);
    // At most one of the disjoint classes.
    const int classes = address.is_loopback() + address.is_multicast() + address.is_unspecified()
                        + address.is_private() + address.is_unique_local() + address.is_link_local()
                        + address.is_shared() + address.is_documentation() + address.is_benchmarking()
                        + address.is_broadcast() + address.is_reserved();
    require(classes <= 1, "an address belongs to one class at most", text);
    require(classes == 0 || !address.is_global(), "an address of a special class is not global", text);
}

void check(const IpPrefix& prefix) {
    const auto text = prefix.to_string();
    const auto parsed = IpPrefix::parse(text);
    require(parsed && *parsed == prefix, "a prefix parses as it is printed", text);
    const auto canonical = prefix.canonical();
    require(canonical.canonical() == canonical, "a canonical prefix stays as it is", text);
    require(canonical.contains(prefix.address()) && prefix.contains(canonical.address()), "one network",
            text);
    require(prefix.contains(canonical) && canonical.contains(prefix) && prefix.overlaps(canonical),
            "a prefix and its canonical form are one network", text);
}

void check(const SocketAddress& address) {
    const auto text = address.to_string();
    const auto parsed = SocketAddress::parse(text);
    require(parsed.has_value(), "a socket address parses as it is printed", text);
    require(parsed->ip() == address.ip() && parsed->port() == address.port(), "the same endpoint", text);
    require(parsed->scope_id() == (address.ip().is_v6() ? address.scope_id() : 0), "the same scope", text);
    const mio::net::RawAddress raw(address);
    const auto back = raw.to_ip();
    require(back && back->ip() == address.ip() && back->port() == address.port(),
            "the same as the system's structure", text);
    if (address.ip().is_v6()) require(*back == address, "the system's structure keeps flow and scope", text);
}

} // namespace

void fuzz::run(std::span<const std::uint8_t> input) {
    const auto text = text_of(input);
    const auto address = IpAddress::parse(text);
    const auto expected = by_system(text);
    require(address.has_value() == expected.has_value(), "`parse` accepts what inet_pton accepts", text);
    if (address) {
        require(*address == *expected, "`parse` returns what inet_pton returns", text);
        check(*address);
    }
    if (const auto prefix = IpPrefix::parse(text)) {
        check(*prefix);
        const auto slash = text.find('/');
        require(by_system(text.substr(0, slash)) == prefix->address(), "the address of a prefix", text);
    }
    if (const auto endpoint = SocketAddress::parse(text)) {
        check(*endpoint);
        require(std::ranges::none_of(text, [](char c) { return c == ' ' || c == '\0'; }), "no white space",
                text);
    }
    // The bytes themselves.
    std::array<std::uint8_t, 16> bytes{};
    std::ranges::copy(input.first(std::min<std::size_t>(input.size(), 16)), bytes.begin());
    const auto v6 = IpAddress::v6(bytes), v4 = IpAddress::v4(bytes[0], bytes[1], bytes[2], bytes[3]);
    Bytes rest(input.size() > 16 ? input.subspan(16) : std::span<const std::uint8_t>());
    const auto number = [&] {
        std::uint32_t value = 0;
        for (int i = 0; i < 4; ++i) value = value << 8 | rest.byte();
        return value;
    };
    const auto port = static_cast<std::uint16_t>(number());
    for (const auto& ip : {v6, v4}) {
        check(ip);
        if (const auto prefix = IpPrefix::from(ip, rest.byte())) check(*prefix);
        check(SocketAddress(ip, port, ip.is_v6() ? number() : 0, ip.is_v6() ? number() : 0));
    }
}
