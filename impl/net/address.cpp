module;

#include "sockets.hpp"

module mio.net.address;

import mio.core.error;
import mio.std;

namespace mio::net {
namespace {

std::unexpected<std::error_code> invalid() noexcept {
    return std::unexpected(make_error_code(Errc::invalid_address));
}

} // namespace

std::optional<std::uint32_t> scope_id_of(std::string_view scope) noexcept {
    if (const auto number = AddressText::number(scope)) return number;
    // The C library may truncate a longer name, and the kernel drops the part after a colon (an alias).
    if (scope.size() >= IF_NAMESIZE || scope.contains(':') || scope.contains('\0')) return std::nullopt;
    std::array<char, IF_NAMESIZE> name{};
    std::ranges::copy(scope, name.begin());
    const unsigned index = ::if_nametoindex(name.data());
    return index == 0 ? std::nullopt : std::optional<std::uint32_t>(index);
}

Result<IpAddress> IpAddress::parse(std::string_view text) noexcept {
    const auto parsed = AddressText::ip(text);
    if (!parsed) return invalid();
    return *parsed;
}

Result<IpPrefix> IpPrefix::from(IpAddress address, std::size_t length) noexcept {
    const auto prefix = AddressText::prefix(address, length);
    if (!prefix) return invalid();
    return *prefix;
}

Result<IpPrefix> IpPrefix::parse(std::string_view text) noexcept {
    const auto parsed = AddressText::prefix(text);
    if (!parsed) return invalid();
    return *parsed;
}

std::string IpPrefix::to_string() const { return address_.to_string() + '/' + std::to_string(length_); }

std::string IpAddress::to_string() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    ::inet_ntop(is_v6_ ? AF_INET6 : AF_INET, bytes_.data(), text.data(), text.size());
    return text.data();
}

Result<SocketAddress> SocketAddress::parse(std::string_view text) noexcept {
    const auto parsed = AddressText::endpoint(text);
    if (!parsed) return invalid();
    const auto scope = parsed->host.scope ? scope_id_of(*parsed->host.scope) : 0;
    if (!scope) return invalid();
    return SocketAddress(parsed->host.ip, parsed->port, 0, *scope);
}

std::string SocketAddress::to_string() const {
    const std::string port = ':' + std::to_string(port_);
    if (ip_.is_v4()) return ip_.to_string() + port;
    const std::string scope = scope_id_ == 0 ? "" : '%' + std::to_string(scope_id_);
    return '[' + ip_.to_string() + scope + ']' + port;
}

} // namespace mio::net
