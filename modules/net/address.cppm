/// @file
/// IP addresses, socket addresses, and name resolution.

export module mio.net.address;

import mio.std;
import mio.core.error;

namespace mio::net {

/// An IPv4 or IPv6 address. Ordered by family, then by bytes.
export class IpAddress {
  public:
    /// 0.0.0.0
    constexpr IpAddress() noexcept = default;

    /// Parses an address such as "127.0.0.1" or "::1". A port, brackets, a scope, white space and shortened
    /// IPv4 forms are not accepted. Errors: `Errc::invalid_address`.
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

    /// The address in network byte order: 4 or 16 bytes. Valid for the lifetime of this object. Rvalues are
    /// rejected.
    [[nodiscard]] constexpr std::span<const std::uint8_t> bytes() const& noexcept {
        return std::span(bytes_).first(is_v6_ ? 16 : 4);
    }
    std::span<const std::uint8_t> bytes() const&& = delete;

    [[nodiscard]] std::string to_string() const;

    constexpr auto operator<=>(const IpAddress&) const noexcept = default;

  private:
    bool is_v6_ = false;
    std::array<std::uint8_t, 16> bytes_{}; // IPv4 uses the first four; the rest is zero
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
    /// not exist on this machine.
    /// @see inet_pton(3), if_nametoindex(3)
    [[nodiscard]] static Result<SocketAddress> parse(std::string_view text) noexcept;

    [[nodiscard]] constexpr IpAddress ip() const noexcept { return ip_; }
    [[nodiscard]] constexpr std::uint16_t port() const noexcept { return port_; }
    [[nodiscard]] constexpr std::uint32_t flow_info() const noexcept { return flow_info_; }
    [[nodiscard]] constexpr std::uint32_t scope_id() const noexcept { return scope_id_; }

    /// The format that `parse` accepts; a scope is printed as a number.
    [[nodiscard]] std::string to_string() const;

    constexpr auto operator<=>(const SocketAddress&) const noexcept = default;

  private:
    IpAddress ip_;
    std::uint16_t port_ = 0;
    std::uint32_t flow_info_ = 0;
    std::uint32_t scope_id_ = 0;
};

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
/// `host` is a name, or an address in the format of `IpAddress::parse`, optionally with a scope
/// ("fe80::1%eth0"). An empty `host` resolves to loopback addresses. Octal, hexadecimal and shortened forms
/// of IPv4 addresses ("127.1", "0x7f000001") are rejected, because systems interpret them differently. A host
/// whose last label is a number is rejected too. `service` is a decimal port, 0 to 65535, or a service name.
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

/// Internal: prepares the resolver before its first call.
Result<> prepare_resolver() noexcept;
/// Internal: the resolver's code for `host_not_found` or `service_not_found`.
std::error_code resolver_error(ResolveErrc) noexcept;
/// Internal: converts a result of getaddrinfo to an error code.
std::error_code resolver_failure(int code) noexcept;

} // namespace mio::net

template <> struct std::is_error_condition_enum<mio::net::ResolveErrc> : std::true_type {};

template <> struct std::hash<mio::net::IpAddress> {
    std::size_t operator()(const mio::net::IpAddress& address) const noexcept {
        // FNV-1a
        std::uint64_t digest = 0xcbf29ce484222325;
        const auto bytes = address.bytes();
        for (std::size_t i = 0; i < bytes.size(); ++i) digest = (digest ^ bytes[i]) * 0x100000001b3;
        return static_cast<std::size_t>(digest);
    }
};

template <> struct std::hash<mio::net::SocketAddress> {
    std::size_t operator()(const mio::net::SocketAddress& address) const noexcept {
        const auto rest = (std::uint64_t{address.scope_id()} << 16 | address.port()) * 0x9e3779b97f4a7c15;
        return std::hash<mio::net::IpAddress>{}(address.ip())
               ^ static_cast<std::size_t>(rest ^ address.flow_info());
    }
};
