/// @file
/// IP addresses, prefixes and socket addresses, their literals, and name resolution.

export module mio.net.address;

import mio.std;
import mio.core.error;

namespace mio::net {

export class IpPrefix;

/// An IPv4 or IPv6 address. Ordered by family, then by bytes.
///
/// The predicates apply to the address as it is: an IPv4-mapped IPv6 address (::ffff:10.0.0.1) is an IPv6
/// address, for which only `is_v4_mapped` holds. Servers whose sockets accept both families call `unmapped()`
/// before they classify or compare a peer's address.
export class IpAddress {
  public:
    /// 0.0.0.0
    constexpr IpAddress() noexcept = default;

    /// Parses an address such as "127.0.0.1" or "::1". A port, brackets, a scope, white space and shortened
    /// IPv4 forms are not accepted. Errors: `Errc::invalid_address`. For constants there is the literal
    /// `"127.0.0.1"_ip`.
    /// @see inet_pton(3)
    [[nodiscard]] static Result<IpAddress> parse(std::string_view text) noexcept;

    [[nodiscard]] static constexpr IpAddress v4(std::uint8_t a, std::uint8_t b, std::uint8_t c,
                                                std::uint8_t d) noexcept {
        IpAddress address;
        address.bytes_ = {a, b, c, d};
        return address;
    }
    [[nodiscard]] static constexpr IpAddress v6(std::span<const std::uint8_t, 16> bytes) noexcept {
        IpAddress address;
        address.is_v6_ = true;
        for (std::size_t i = 0; i < 16; ++i) address.bytes_[i] = bytes[i];
        return address;
    }

    [[nodiscard]] static constexpr IpAddress any_v4() noexcept { return {}; }
    [[nodiscard]] static constexpr IpAddress any_v6() noexcept {
        IpAddress address;
        address.is_v6_ = true;
        return address;
    }
    [[nodiscard]] static constexpr IpAddress loopback_v4() noexcept { return v4(127, 0, 0, 1); }
    [[nodiscard]] static constexpr IpAddress loopback_v6() noexcept {
        IpAddress address = any_v6();
        address.bytes_[15] = 1;
        return address;
    }

    [[nodiscard]] constexpr bool is_v4() const noexcept { return !is_v6_; }
    [[nodiscard]] constexpr bool is_v6() const noexcept { return is_v6_; }
    /// 127.0.0.0/8 or ::1.
    [[nodiscard]] constexpr bool is_loopback() const noexcept {
        return is_v4() ? bytes_[0] == 127 : *this == loopback_v6();
    }
    /// 224.0.0.0/4 or ff00::/8.
    [[nodiscard]] constexpr bool is_multicast() const noexcept {
        return is_v4() ? (bytes_[0] & 0xf0) == 0xe0 : bytes_[0] == 0xff;
    }
    /// 0.0.0.0 or ::.
    [[nodiscard]] constexpr bool is_unspecified() const noexcept {
        return *this == (is_v4() ? any_v4() : any_v6());
    }

    /// Private use: 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16. False for IPv6, where `is_unique_local` is the
    /// counterpart. RFC 1918.
    [[nodiscard]] constexpr bool is_private() const noexcept;
    /// fc00::/7. False for IPv4. RFC 4193.
    [[nodiscard]] constexpr bool is_unique_local() const noexcept;
    /// 169.254.0.0/16 or fe80::/10: valid on one link. An IPv6 socket address also needs a scope. RFC 3927,
    /// RFC 4291.
    [[nodiscard]] constexpr bool is_link_local() const noexcept;
    /// 100.64.0.0/10: shared by the customers of a carrier (carrier-grade NAT). False for IPv6. RFC 6598.
    [[nodiscard]] constexpr bool is_shared() const noexcept;
    /// 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24, 2001:db8::/32 or 3fff::/20. RFC 5737, RFC 3849, RFC 9637.
    [[nodiscard]] constexpr bool is_documentation() const noexcept;
    /// 198.18.0.0/15 or 2001:2::/48: benchmarks of network devices. RFC 2544, RFC 5180.
    [[nodiscard]] constexpr bool is_benchmarking() const noexcept;
    /// 255.255.255.255. A network's own broadcast address cannot be recognised. RFC 919.
    [[nodiscard]] constexpr bool is_broadcast() const noexcept;
    /// 240.0.0.0/4 except 255.255.255.255: reserved for future use. False for IPv6. RFC 1112.
    [[nodiscard]] constexpr bool is_reserved() const noexcept;
    /// Whether the address is unicast and can be reachable from the whole Internet: it is not multicast, and
    /// IANA's special-purpose address registries do not list it, or list it as globally reachable. An IPv6
    /// address without an entry is global, also one from a block that is not assigned (RFC 4291, section 2.4).
    /// False for IPv4-mapped addresses. It describes the address, not this machine's routes.
    /// @see https://www.iana.org/assignments/iana-ipv4-special-registry
    /// @see https://www.iana.org/assignments/iana-ipv6-special-registry
    [[nodiscard]] constexpr bool is_global() const noexcept;

    /// ::ffff:0:0/96: the form in which an IPv6 socket that accepts IPv4 reports an IPv4 peer. RFC 4291, section
    /// 2.5.5.2.
    [[nodiscard]] constexpr bool is_v4_mapped() const noexcept;
    /// The IPv4 address of an IPv4-mapped one (::ffff:1.2.3.4 → 1.2.3.4); any other address unchanged.
    [[nodiscard]] constexpr IpAddress unmapped() const noexcept;
    /// The IPv4-mapped form of an IPv4 address (1.2.3.4 → ::ffff:1.2.3.4), which reaches an IPv4 peer through an
    /// IPv6 socket that is not limited to IPv6; an IPv6 address unchanged.
    [[nodiscard]] constexpr IpAddress mapped() const noexcept;

    /// The address in network byte order: 4 or 16 bytes. Valid for the lifetime of this object. Rvalues are
    /// rejected.
    [[nodiscard]] constexpr std::span<const std::uint8_t> bytes() const& noexcept {
        return std::span(bytes_).first(is_v6_ ? 16 : 4);
    }
    std::span<const std::uint8_t> bytes() const&& = delete;

    /// The shortest form, as RFC 5952 recommends. @see inet_ntop(3)
    [[nodiscard]] std::string to_string() const;
    /// Writes `to_string()` to a `std::ostream`, or to any other stream that accepts a `std::string`.
    template <class Stream>
    friend auto operator<<(Stream& stream, const IpAddress& address) -> decltype(stream << std::string()) {
        return stream << address.to_string();
    }

    constexpr auto operator<=>(const IpAddress&) const noexcept = default;

  private:
    friend class IpPrefix;

    bool is_v6_ = false;
    std::array<std::uint8_t, 16> bytes_{}; // IPv4 uses the first four; the rest is zero
};

/// An IP address and the length of its network part: "10.0.0.0/8", "2001:db8::/32". Ordered by address, then by
/// length.
///
/// The bits behind the network part are kept, so that a prefix can also denote an interface's address in its
/// network ("192.168.1.7/24"); `canonical` clears them.
export class IpPrefix {
  public:
    /// 0.0.0.0/0
    constexpr IpPrefix() noexcept = default;

    /// Errors: `Errc::invalid_address` if `length` is above 32 for IPv4 or 128 for IPv6.
    [[nodiscard]] static Result<IpPrefix> from(IpAddress address, std::size_t length) noexcept;
    /// Parses an address, a slash and a decimal length without leading zeros. Netmasks ("/255.0.0.0"), shortened
    /// addresses ("10/8") and scopes are not accepted. Errors: `Errc::invalid_address`. For constants there is
    /// the literal `"10.0.0.0/8"_prefix`.
    [[nodiscard]] static Result<IpPrefix> parse(std::string_view text) noexcept;

    [[nodiscard]] constexpr IpAddress address() const noexcept { return address_; }
    /// Length of the network part in bits.
    [[nodiscard]] constexpr std::size_t length() const noexcept { return length_; }

    /// Whether the network part of `address` is that of this prefix. Always false for an address of the other
    /// family, an IPv4-mapped one included; see `IpAddress::unmapped`.
    [[nodiscard]] constexpr bool contains(const IpAddress& address) const noexcept {
        return address.is_v6() == address_.is_v6() && agrees(address);
    }
    /// Whether every address of `other` is in this prefix.
    [[nodiscard]] constexpr bool contains(const IpPrefix& other) const noexcept {
        return length_ <= other.length_ && contains(other.address_);
    }
    /// Whether the two have an address in common.
    [[nodiscard]] constexpr bool overlaps(const IpPrefix& other) const noexcept {
        return contains(other) || other.contains(*this);
    }

    /// The same network, with all bits behind its part cleared: 10.1.2.3/8 → 10.0.0.0/8. Two prefixes denote the
    /// same network if their canonical forms are equal.
    [[nodiscard]] constexpr IpPrefix canonical() const noexcept {
        IpPrefix result = *this;
        for (std::size_t i = 0; i < 16; ++i) result.address_.bytes_[i] &= mask(i);
        return result;
    }

    /// The form that `parse` accepts.
    [[nodiscard]] std::string to_string() const;
    /// As `IpAddress`.
    template <class Stream>
    friend auto operator<<(Stream& stream, const IpPrefix& prefix) -> decltype(stream << std::string()) {
        return stream << prefix.to_string();
    }

    constexpr auto operator<=>(const IpPrefix&) const noexcept = default;

  private:
    friend class AddressText;

    constexpr IpPrefix(IpAddress address, std::uint8_t length) noexcept
        : address_(address), length_(length) {}

    // The bits of byte `i` that belong to the network part.
    [[nodiscard]] constexpr std::uint8_t mask(std::size_t i) const noexcept {
        if (length_ >= (i + 1) * 8) return 0xff;
        return length_ <= i * 8 ? 0 : static_cast<std::uint8_t>(0xff00 >> (length_ - i * 8));
    }
    [[nodiscard]] constexpr bool agrees(const IpAddress& address) const noexcept {
        for (std::size_t i = 0; i * 8 < length_; ++i) {
            if (((address.bytes_[i] ^ address_.bytes_[i]) & mask(i)) != 0) return false;
        }
        return true;
    }

    IpAddress address_;
    std::uint8_t length_ = 0;
};

/// An IP address and a port; for IPv6 also flow information and a scope.
export class SocketAddress {
  public:
    /// 0.0.0.0:0
    constexpr SocketAddress() noexcept = default;
    /// `flow_info` and `scope_id` are used for IPv6 only and are in host byte order; `scope_id` is the index
    /// of the network interface of a link-local address.
    constexpr SocketAddress(IpAddress ip, std::uint16_t port, std::uint32_t flow_info = 0,
                            std::uint32_t scope_id = 0) noexcept
        : ip_(ip), port_(port), flow_info_(flow_info), scope_id_(scope_id) {}

    /// Parses an address such as "1.2.3.4:80", "[::1]:80", "[fe80::1%3]:80" or "[fe80::1%eth0]:80". A numeric
    /// scope, a 32-bit decimal number, is used as it is, whether or not the interface exists. Any other scope
    /// is looked up as an interface name. White space and host names are not accepted (`resolve` accepts host
    /// names). Errors: `Errc::invalid_address`, also for a port above 65535 or an interface name that does
    /// not exist on this machine. For constants there is the literal `"127.0.0.1:80"_addr`.
    /// @see inet_pton(3), if_nametoindex(3)
    [[nodiscard]] static Result<SocketAddress> parse(std::string_view text) noexcept;

    [[nodiscard]] constexpr IpAddress ip() const noexcept { return ip_; }
    [[nodiscard]] constexpr std::uint16_t port() const noexcept { return port_; }
    [[nodiscard]] constexpr std::uint32_t flow_info() const noexcept { return flow_info_; }
    [[nodiscard]] constexpr std::uint32_t scope_id() const noexcept { return scope_id_; }

    /// The same endpoint with `IpAddress::unmapped`: an IPv4-mapped address becomes an IPv4 one, without flow
    /// information and scope.
    [[nodiscard]] constexpr SocketAddress unmapped() const noexcept {
        return ip_.is_v4_mapped() ? SocketAddress(ip_.unmapped(), port_) : *this;
    }
    /// The same endpoint with `IpAddress::mapped`.
    [[nodiscard]] constexpr SocketAddress mapped() const noexcept {
        return ip_.is_v4() ? SocketAddress(ip_.mapped(), port_) : *this;
    }

    /// The format that `parse` accepts; a scope is printed as a number.
    [[nodiscard]] std::string to_string() const;
    /// As `IpAddress`.
    template <class Stream>
    friend auto operator<<(Stream& stream, const SocketAddress& address)
        -> decltype(stream << std::string()) {
        return stream << address.to_string();
    }

    constexpr auto operator<=>(const SocketAddress&) const noexcept = default;

  private:
    IpAddress ip_;
    std::uint16_t port_ = 0;
    std::uint32_t flow_info_ = 0;
    std::uint32_t scope_id_ = 0;
};

/// Internal: the grammar of addresses, for `parse`, `resolve` and the literals.
class AddressText {
  public:
    /// Decimal digits and nothing else, up to `most`.
    [[nodiscard]] static constexpr std::optional<std::uint32_t>
    number(std::string_view digits, std::uint32_t most = 0xffff'ffff) noexcept {
        if (digits.empty()) return std::nullopt;
        std::uint64_t value = 0;
        for (const char c : digits) {
            if (c < '0' || c > '9') return std::nullopt;
            value = value * 10 + static_cast<std::uint64_t>(c - '0');
            if (value > most) return std::nullopt;
        }
        return static_cast<std::uint32_t>(value);
    }

    [[nodiscard]] static constexpr std::optional<IpAddress> ip(std::string_view text) noexcept {
        if (text.contains(':')) return v6(text);
        const auto bytes = v4(text);
        if (!bytes) return std::nullopt;
        return IpAddress::v4((*bytes)[0], (*bytes)[1], (*bytes)[2], (*bytes)[3]);
    }

    [[nodiscard]] static constexpr std::optional<IpPrefix> prefix(std::string_view text) noexcept {
        const auto slash = text.find('/');
        if (slash == std::string_view::npos) return std::nullopt;
        const auto address = ip(text.substr(0, slash));
        if (!address) return std::nullopt;
        const auto length = plain_number(text.substr(slash + 1), address->is_v4() ? 32 : 128);
        if (!length) return std::nullopt;
        return prefix(*address, *length);
    }
    [[nodiscard]] static constexpr std::optional<IpPrefix> prefix(const IpAddress& address,
                                                                  std::size_t length) noexcept {
        if (length > (address.is_v4() ? 32u : 128u)) return std::nullopt;
        return IpPrefix(address, static_cast<std::uint8_t>(length));
    }

    /// An address, and a scope that is not resolved yet.
    struct Host {
        IpAddress ip;
        std::optional<std::string_view> scope;
    };
    /// "::1", "fe80::1%eth0", "1.2.3.4"; without brackets. Only IPv6 has a scope.
    [[nodiscard]] static constexpr std::optional<Host> host(std::string_view text) noexcept {
        const auto percent = text.find('%');
        const auto address = ip(text.substr(0, percent));
        if (!address) return std::nullopt;
        if (percent == std::string_view::npos) return Host{*address, std::nullopt};
        if (address->is_v4()) return std::nullopt;
        return Host{*address, text.substr(percent + 1)};
    }

    struct Endpoint {
        Host host;
        std::uint16_t port = 0;
    };
    [[nodiscard]] static constexpr std::optional<Endpoint> endpoint(std::string_view text) noexcept {
        const auto colon = text.rfind(':');
        if (colon == std::string_view::npos) return std::nullopt;
        const auto port = number(text.substr(colon + 1), 0xffff);
        text = text.substr(0, colon);
        const bool is_bracketed = text.size() >= 2 && text.front() == '[' && text.back() == ']';
        if (is_bracketed) text = text.substr(1, text.size() - 2);
        const auto parsed = host(text);
        if (!port || !parsed || parsed->ip.is_v6() != is_bracketed) return std::nullopt;
        return Endpoint{*parsed, static_cast<std::uint16_t>(*port)};
    }

  private:
    // Decimal digits without leading zeros.
    [[nodiscard]] static constexpr std::optional<std::uint32_t> plain_number(std::string_view digits,
                                                                             std::uint32_t most) noexcept {
        if (digits.size() > 1 && digits.front() == '0') return std::nullopt;
        return number(digits, most);
    }

    // A group of an IPv6 address: one to four hexadecimal digits.
    [[nodiscard]] static constexpr std::optional<std::uint32_t> group(std::string_view digits) noexcept {
        if (digits.empty() || digits.size() > 4) return std::nullopt;
        std::uint32_t value = 0;
        for (const char c : digits) {
            std::uint32_t digit = 0;
            if (c >= '0' && c <= '9') {
                digit = static_cast<std::uint32_t>(c - '0');
            } else if (c >= 'a' && c <= 'f') {
                digit = static_cast<std::uint32_t>(c - 'a' + 10);
            } else if (c >= 'A' && c <= 'F') {
                digit = static_cast<std::uint32_t>(c - 'A' + 10);
            } else {
                return std::nullopt;
            }
            value = value << 4 | digit;
        }
        return value;
    }

    [[nodiscard]] static constexpr std::optional<std::array<std::uint8_t, 4>>
    v4(std::string_view text) noexcept {
        std::array<std::uint8_t, 4> bytes{};
        for (std::size_t i = 0; i < 4; ++i) {
            const auto end = i < 3 ? text.find('.') : text.size();
            if (end > 3) return std::nullopt; // no dot included
            const auto value = plain_number(text.substr(0, end), 255);
            if (!value) return std::nullopt;
            bytes[i] = static_cast<std::uint8_t>(*value);
            if (i < 3) text.remove_prefix(end + 1);
        }
        return bytes;
    }

    [[nodiscard]] static constexpr std::optional<IpAddress> v6(std::string_view text) noexcept {
        std::array<std::uint8_t, 16> bytes{};
        std::size_t size = 0;           // number of bytes parsed
        std::optional<std::size_t> gap; // where "::" is
        if (text.starts_with("::")) {
            gap = 0;
            text.remove_prefix(2);
        }
        // Each pass takes a group and the colon or colons behind it.
        while (!text.empty()) {
            const auto colon = text.find(':');
            const auto digits = text.substr(0, colon);
            if (colon == std::string_view::npos && digits.contains('.')) {
                const auto tail = v4(digits);
                if (!tail || size > 12) return std::nullopt;
                for (std::size_t i = 0; i < 4; ++i) bytes[size++] = (*tail)[i];
                break;
            }
            const auto value = group(digits);
            if (!value || size == 16) return std::nullopt;
            bytes[size++] = static_cast<std::uint8_t>(*value >> 8);
            bytes[size++] = static_cast<std::uint8_t>(*value & 0xff);
            if (colon == std::string_view::npos) break;
            text.remove_prefix(colon + 1);
            if (text.starts_with(':')) {
                if (gap) return std::nullopt;
                gap = size;
                text.remove_prefix(1);
            } else if (text.empty()) {
                return std::nullopt;
            }
        }
        // A gap stands for at least one group.
        if (gap.has_value() == (size == 16)) return std::nullopt;
        if (!gap) return IpAddress::v6(bytes);
        for (std::size_t i = 1; i <= size - *gap; ++i) {
            bytes[16 - i] = bytes[size - i];
            bytes[size - i] = 0;
        }
        return IpAddress::v6(bytes);
    }
};

/// Literals for constants, tests and examples: `using namespace mio::net::literals;`. Text that `parse` would
/// reject is a compile-time error.
inline namespace literals {

/// Internal: not constexpr, so that the compiler reports a call of it from a literal.
void the_text_of_this_literal_is_not_a_valid_address() noexcept;

/// "127.0.0.1"_ip, "::1"_ip
export [[nodiscard]] consteval IpAddress operator""_ip(const char* text, std::size_t size) {
    const auto parsed = AddressText::ip({text, size});
    if (!parsed) the_text_of_this_literal_is_not_a_valid_address();
    return *parsed;
}
/// "10.0.0.0/8"_prefix
export [[nodiscard]] consteval IpPrefix operator""_prefix(const char* text, std::size_t size) {
    const auto parsed = AddressText::prefix(std::string_view(text, size));
    if (!parsed) the_text_of_this_literal_is_not_a_valid_address();
    return *parsed;
}
/// "127.0.0.1:80"_addr, "[fe80::1%2]:80"_addr. A scope must be a number.
export [[nodiscard]] consteval SocketAddress operator""_addr(const char* text, std::size_t size) {
    const auto parsed = AddressText::endpoint({text, size});
    if (!parsed) the_text_of_this_literal_is_not_a_valid_address();
    const auto scope = parsed->host.scope ? AddressText::number(*parsed->host.scope) : 0;
    if (!scope) the_text_of_this_literal_is_not_a_valid_address();
    return SocketAddress(parsed->host.ip, parsed->port, 0, *scope);
}

} // namespace literals

/// Internal: not globally reachable. IANA's registries of 2025, with the exceptions below; 192.88.99.0/24 and
/// 2002::/16 (6to4), for which they state no reachability; and multicast.
inline constexpr IpPrefix not_global[] = {
    "0.0.0.0/8"_prefix,      "10.0.0.0/8"_prefix,     "100.64.0.0/10"_prefix,  "127.0.0.0/8"_prefix,
    "169.254.0.0/16"_prefix, "172.16.0.0/12"_prefix,  "192.0.0.0/24"_prefix,   "192.0.2.0/24"_prefix,
    "192.88.99.0/24"_prefix, "192.168.0.0/16"_prefix, "198.18.0.0/15"_prefix,  "198.51.100.0/24"_prefix,
    "203.0.113.0/24"_prefix, "224.0.0.0/4"_prefix,    "240.0.0.0/4"_prefix,    "::/128"_prefix,
    "::1/128"_prefix,        "::ffff:0:0/96"_prefix,  "64:ff9b:1::/48"_prefix, "100::/64"_prefix,
    "100:0:0:1::/64"_prefix, "2001::/23"_prefix,      "2001:db8::/32"_prefix,  "2002::/16"_prefix,
    "3fff::/20"_prefix,      "5f00::/16"_prefix,      "fc00::/7"_prefix,       "fe80::/10"_prefix,
    "ff00::/8"_prefix,
};
/// Internal: parts of the above that are globally reachable.
inline constexpr IpPrefix global_exceptions[] = {
    "192.0.0.9/32"_prefix,    "192.0.0.10/32"_prefix, "2001:1::1/128"_prefix,
    "2001:1::2/128"_prefix,   "2001:1::3/128"_prefix, "2001:3::/32"_prefix,
    "2001:4:112::/48"_prefix, "2001:20::/28"_prefix,  "2001:30::/28"_prefix,
};
/// Internal: whether any of the prefixes contains the address.
constexpr bool is_in(const IpAddress& address, std::span<const IpPrefix> prefixes) noexcept {
    for (std::size_t i = 0; i < prefixes.size(); ++i) {
        if (prefixes[i].contains(address)) return true;
    }
    return false;
}

constexpr bool IpAddress::is_private() const noexcept {
    return "10.0.0.0/8"_prefix.contains(*this) || "172.16.0.0/12"_prefix.contains(*this)
           || "192.168.0.0/16"_prefix.contains(*this);
}
constexpr bool IpAddress::is_unique_local() const noexcept { return "fc00::/7"_prefix.contains(*this); }
constexpr bool IpAddress::is_link_local() const noexcept {
    return "169.254.0.0/16"_prefix.contains(*this) || "fe80::/10"_prefix.contains(*this);
}
constexpr bool IpAddress::is_shared() const noexcept { return "100.64.0.0/10"_prefix.contains(*this); }
constexpr bool IpAddress::is_documentation() const noexcept {
    return "192.0.2.0/24"_prefix.contains(*this) || "198.51.100.0/24"_prefix.contains(*this)
           || "203.0.113.0/24"_prefix.contains(*this) || "2001:db8::/32"_prefix.contains(*this)
           || "3fff::/20"_prefix.contains(*this);
}
constexpr bool IpAddress::is_benchmarking() const noexcept {
    return "198.18.0.0/15"_prefix.contains(*this) || "2001:2::/48"_prefix.contains(*this);
}
constexpr bool IpAddress::is_broadcast() const noexcept { return *this == v4(255, 255, 255, 255); }
constexpr bool IpAddress::is_reserved() const noexcept {
    return "240.0.0.0/4"_prefix.contains(*this) && !is_broadcast();
}
constexpr bool IpAddress::is_global() const noexcept {
    return !is_in(*this, not_global) || is_in(*this, global_exceptions);
}
constexpr bool IpAddress::is_v4_mapped() const noexcept { return "::ffff:0:0/96"_prefix.contains(*this); }
constexpr IpAddress IpAddress::unmapped() const noexcept {
    return is_v4_mapped() ? v4(bytes_[12], bytes_[13], bytes_[14], bytes_[15]) : *this;
}
constexpr IpAddress IpAddress::mapped() const noexcept {
    if (is_v6()) return *this;
    IpAddress result = any_v6();
    result.bytes_[10] = result.bytes_[11] = 0xff;
    for (std::size_t i = 0; i < 4; ++i) result.bytes_[12 + i] = bytes_[i];
    return result;
}

/// Portable conditions for the resolver's errors: `code == ResolveErrc::host_not_found`.
export enum class ResolveErrc {
    host_not_found = 1, ///< the host does not exist, has no address, or is neither a name nor an address
    service_not_found,  ///< the service does not exist, or is neither a port nor a name
    try_again,          ///< no name server responded; a later attempt may succeed
    failed,             ///< a name server failed permanently
};
/// Converts a `ResolveErrc` to a `std::error_condition`; makes the implicit conversion work.
export std::error_condition make_error_condition(ResolveErrc) noexcept;

/// Resolves `host` ("localhost", "::1") and `service` ("http", "80") to socket addresses, best first, with
/// the system's resolver. **It blocks**, for seconds if a name server is slow: call it before the event loop
/// or in another thread.
///
/// `host` is a name, or an address in the format of `IpAddress::parse`; an IPv6 address may have a scope
/// ("fe80::1%eth0"), as for `SocketAddress::parse`. An empty `host` resolves to loopback addresses. Octal,
/// hexadecimal and shortened forms of IPv4 addresses ("127.1", "0x7f000001") are rejected, because systems interpret
/// them differently. A host whose last label is a number is rejected too. `service` is a decimal port, 0 to 65535, or a
/// service name.
///
/// Errors: a code of `resolver_category()`, which can be compared with `ResolveErrc`; `Errc::interior_nul`;
/// `std::errc::not_enough_memory`; the OS's own.
/// @see getaddrinfo(3)
export [[nodiscard]] Result<std::vector<SocketAddress>> resolve(std::string_view host,
                                                                std::string_view service) noexcept;

/// The category of the resolver's own codes (`EAI_NONAME`, …). A code compares equal to the `ResolveErrc`
/// that means the same, if there is one.
/// @see gai_strerror(3)
export const std::error_category& resolver_category() noexcept;

/// Internal: the index of a network interface, from its index or name.
std::optional<std::uint32_t> scope_id_of(std::string_view scope) noexcept;
/// Internal: prepares the resolver before its first call.
Result<> prepare_resolver() noexcept;
/// Internal: the resolver's code for `host_not_found` or `service_not_found`.
std::error_code resolver_error(ResolveErrc) noexcept;
/// Internal: converts a result of getaddrinfo to an error code.
std::error_code resolver_failure(int code) noexcept;

} // namespace mio::net

// For MSVC; see the end of mio.core.error.
export namespace std {

template <> struct is_error_condition_enum<mio::net::ResolveErrc> : std::true_type {};

template <> struct hash<mio::net::IpAddress> {
    std::size_t operator()(const mio::net::IpAddress& address) const noexcept {
        // FNV-1a
        std::uint64_t digest = 0xcbf29ce484222325;
        const auto bytes = address.bytes();
        for (std::size_t i = 0; i < bytes.size(); ++i) digest = (digest ^ bytes[i]) * 0x100000001b3;
        return static_cast<std::size_t>(digest);
    }
};

template <> struct hash<mio::net::IpPrefix> {
    std::size_t operator()(const mio::net::IpPrefix& prefix) const noexcept {
        return std::hash<mio::net::IpAddress>{}(prefix.address())
               ^ static_cast<std::size_t>(prefix.length() * 0x9e3779b97f4a7c15);
    }
};

template <> struct hash<mio::net::SocketAddress> {
    std::size_t operator()(const mio::net::SocketAddress& address) const noexcept {
        const auto rest = (std::uint64_t{address.scope_id()} << 16 | address.port()) * 0x9e3779b97f4a7c15;
        return std::hash<mio::net::IpAddress>{}(address.ip())
               ^ static_cast<std::size_t>(rest ^ address.flow_info());
    }
};

} // namespace std
