module;

#include "sockets.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

module mio.net.address;

import mio.core.error;

namespace mio::net {
namespace {

std::unexpected<std::error_code> invalid() noexcept {
    return std::unexpected(make_error_code(Errc::invalid_address));
}

// A NUL-terminated copy for the C library; fits the longest address and interface name.
constexpr std::size_t longest_text = std::max<std::size_t>(INET6_ADDRSTRLEN, IF_NAMESIZE);

class CString {
  public:
    static std::optional<CString> from(std::string_view text) noexcept {
        CString copy;
        if (text.size() >= copy.text_.size() || text.contains('\0')) return std::nullopt;
        std::ranges::copy(text, copy.text_.begin());
        return copy;
    }
    [[nodiscard]] const char* get() const noexcept { return text_.data(); }

  private:
    std::array<char, longest_text> text_{};
};

// Accepts decimal digits only.
template <class T> std::optional<T> parse_number(std::string_view digits) noexcept {
    T value{};
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return value;
}

// An interface's index or name.
std::optional<std::uint32_t> parse_scope(std::string_view text) noexcept {
    if (const auto number = parse_number<std::uint32_t>(text)) return number;
    // The C library may truncate a longer name, and the kernel drops the part after a colon (an alias).
    if (text.size() >= IF_NAMESIZE || text.contains(':')) return std::nullopt;
    const auto name = CString::from(text);
    const unsigned index = name ? ::if_nametoindex(name->get()) : 0;
    return index == 0 ? std::nullopt : std::optional<std::uint32_t>(index);
}

} // namespace

Result<IpAddress> IpAddress::parse(std::string_view text) noexcept {
    const auto copy = CString::from(text);
    if (!copy || text.contains('%')) return invalid(); // Apple's inet_pton accepts a scope and drops it
    std::array<std::uint8_t, 16> bytes{};
    if (::inet_pton(AF_INET, copy->get(), bytes.data()) == 1)
        return v4(bytes[0], bytes[1], bytes[2], bytes[3]);
    if (::inet_pton(AF_INET6, copy->get(), bytes.data()) == 1) return v6(bytes);
    return invalid();
}

std::string IpAddress::to_string() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    ::inet_ntop(is_v6_ ? AF_INET6 : AF_INET, bytes_.data(), text.data(), text.size());
    return text.data();
}

Result<SocketAddress> SocketAddress::parse(std::string_view text) noexcept {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return invalid();
    const auto port = parse_number<std::uint16_t>(text.substr(colon + 1));
    if (!port) return invalid();

    auto host = text.substr(0, colon);
    const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);

    std::uint32_t scope_id = 0;
    if (const auto percent = host.find('%'); bracketed && percent != std::string_view::npos) {
        const auto scope = parse_scope(host.substr(percent + 1));
        if (!scope) return invalid();
        scope_id = *scope;
        host = host.substr(0, percent);
    }
    const auto ip = IpAddress::parse(host);
    if (!ip || ip->is_v6() != bracketed) return invalid();
    return SocketAddress(*ip, *port, 0, scope_id);
}

std::string SocketAddress::to_string() const {
    const std::string port = ':' + std::to_string(port_);
    if (ip_.is_v4()) return ip_.to_string() + port;
    const std::string scope = scope_id_ == 0 ? "" : '%' + std::to_string(scope_id_);
    return '[' + ip_.to_string() + scope + ']' + port;
}

} // namespace mio::net
