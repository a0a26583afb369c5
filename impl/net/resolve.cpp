module;

#include "../core/attempt.hpp"
#include "sockets.hpp"

#include <charconv>
#include <cstring>

module mio.net.address;

import mio.core.error;
import mio.net.sockaddr;
import mio.std;

namespace mio::net {
namespace {

class ConditionCategory final : public std::error_category {
  public:
    const char* name() const noexcept override { return "resolver condition"; }
    std::string message(int value) const override {
        switch (static_cast<ResolveErrc>(value)) {
        case ResolveErrc::host_not_found: return "no address for this host";
        case ResolveErrc::service_not_found: return "no such service";
        case ResolveErrc::try_again: return "no response from a name server";
        case ResolveErrc::failed: return "name resolution failed for good";
        }
        return "unknown resolver condition " + std::to_string(value);
    }
};

// A NUL-terminated copy for the resolver. Longer texts are not names: a DNS host name has at most 255 bytes.
constexpr std::size_t longest_text = 1024;
using Text = std::array<char, longest_text + 1>;

Text copy_of(std::string_view text) noexcept {
    Text copy{};
    text.copy(copy.data(), longest_text);
    return copy;
}

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_hex_digit(char c) noexcept {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
constexpr bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_space_or_control(char c) noexcept {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte == 0x7f;
}

// True for "1", "127.1", "1.2.3.4", "0x7f.1": text that inet_aton may accept as an address in octal, hexadecimal or
// shortened form. No DNS name looks like that: the last label of a name is not a number.
constexpr bool ends_in_a_number(std::string_view host) noexcept {
    if (host.ends_with('.')) host.remove_suffix(1);
    auto label = host.substr(host.rfind('.') + 1); // the whole text if there is no dot
    if (label.empty()) return false;
    if (std::ranges::all_of(label, is_digit)) return true;
    if (!label.starts_with("0x") && !label.starts_with("0X")) return false;
    return std::ranges::all_of(label.substr(2), is_hex_digit);
}
static_assert(ends_in_a_number("1") && ends_in_a_number("127.1") && ends_in_a_number("1.2.3.4."));
static_assert(ends_in_a_number("0x7f.1") && ends_in_a_number("a.0x") && ends_in_a_number("a.0XfF"));
static_assert(!ends_in_a_number("localhost1") && !ends_in_a_number("1.example") && !ends_in_a_number("."));

// Whether the text may be a name. Addresses contain a colon, a scope or a number as their last label.
bool may_be_name(std::string_view host) noexcept {
    return host.size() <= longest_text && host.find_first_of(":%") == std::string_view::npos
           && !std::ranges::any_of(host, is_space_or_control) && !ends_in_a_number(host);
}

// Port digits without leading zeros.
struct Port {
    std::array<char, 6> digits{};
};

// Digits only, at most 65535.
std::optional<Port> port_of(std::string_view service) noexcept {
    const auto number = AddressText::number(service, 65535);
    if (!number) return std::nullopt;
    Port port;
    std::to_chars(port.digits.data(), port.digits.data() + port.digits.size(), *number);
    return port;
}

// Graphic ASCII characters with at least one letter and no leading sign: never a number in any form. See RFC 6335,
// section 5.1; older names use more characters.
bool may_be_service(std::string_view service) noexcept {
    return service.size() <= longest_text && service.front() != '+' && service.front() != '-'
           && !service.starts_with("0x") && !service.starts_with("0X")
           && std::ranges::any_of(service, is_letter)
           && std::ranges::all_of(service, [](char c) { return c > ' ' && c < 0x7f; });
}

void append_addresses(std::vector<SocketAddress>& addresses, const ::addrinfo* list, std::uint32_t scope) {
    for (const auto* info = list; info != nullptr; info = info->ai_next) {
        OsAddress address;
        if (static_cast<std::size_t>(info->ai_addrlen) > sizeof address.storage) continue;
        std::memcpy(&address.storage, info->ai_addr, static_cast<std::size_t>(info->ai_addrlen));
        address.length = static_cast<::socklen_t>(info->ai_addrlen);
        const auto converted = from_os(address);
        if (!converted) continue;
        addresses.push_back(scope == 0 ? *converted
                                       : SocketAddress(converted->ip(), converted->port(), 0, scope));
    }
}

} // namespace

std::error_condition make_error_condition(ResolveErrc name) noexcept {
    static const ConditionCategory category;
    return {static_cast<int>(name), category};
}

Result<std::vector<SocketAddress>> resolve(std::string_view host, std::string_view service) noexcept {
    if (host.contains('\0') || service.contains('\0'))
        return std::unexpected(make_error_code(Errc::interior_nul));
    if (auto ready = prepare_resolver(); !ready) return std::unexpected(ready.error());
    // The resolver rejects interface names of addresses that are not link-local, and accepts aliases. It therefore
    // gets the address without its scope.
    const auto address = AddressText::host(host);
    const auto scope = address && address->scope ? scope_id_of(*address->scope) : 0;
    if (!scope || (!address && !may_be_name(host)) || (host.empty() && service.empty()))
        return std::unexpected(resolver_error(ResolveErrc::host_not_found));
    if (address) host = host.substr(0, host.find('%'));
    const auto port = port_of(service);
    if (service.empty() || (!port && !may_be_service(service)))
        return std::unexpected(resolver_error(ResolveErrc::service_not_found));

    ::addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM; // returns each address once, not once per socket type
    if (port) hints.ai_flags = AI_NUMERICSERV;
    ::addrinfo* list = nullptr;
    const Text host_text = copy_of(host);
    const Text service_text = copy_of(service);
    const int failure = ::getaddrinfo(host.empty() ? nullptr : host_text.data(),
                                      port ? port->digits.data() : service_text.data(), &hints, &list);
    if (failure != 0) return std::unexpected(resolver_failure(failure));
    const std::unique_ptr<::addrinfo, decltype([](::addrinfo* info) { ::freeaddrinfo(info); })> owner(list);

    std::vector<SocketAddress> addresses;
    if (const auto error = attempt([&] { append_addresses(addresses, list, *scope); }); error != std::errc())
        return std::unexpected(os_error(error));
    return addresses;
}

} // namespace mio::net
