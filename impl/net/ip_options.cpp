module;

#include "sockets.hpp"

module mio.net.socket;

import mio.core.error;
import mio.net.options;
import mio.net.sockaddr;
import mio.std;

namespace mio::net {
namespace {

constexpr std::uint32_t ecn_bits = 0x3;
constexpr int dscp_shift = 2;

} // namespace

Result<> IpSocketBase::set_ttl(std::uint32_t hops) const noexcept { return set_hops(raw(), hops); }
Result<std::uint32_t> IpSocketBase::ttl() const noexcept { return get_hops(raw()); }

Result<> IpSocketBase::set_tos(std::uint32_t tos) const noexcept {
    const auto v6 = is_v6(raw());
    if (!v6) return std::unexpected(v6.error());
    if (tos > 255) return invalid_argument();
    if (!*v6) return set_count(raw(), tos_v4_option, tos);
    if (auto set = set_count(raw(), tos_v6_option, tos); !set) return set;
    // For packets to IPv4 peers of an IPv6 socket. Not all systems allow the option there.
    [[maybe_unused]] const auto ignored = set_count(raw(), tos_v4_option, tos);
    return {};
}
Result<std::uint32_t> IpSocketBase::tos() const noexcept {
    const auto v6 = is_v6(raw());
    if (!v6) return std::unexpected(v6.error());
    const auto tos = get_count(raw(), *v6 ? tos_v6_option : tos_v4_option);
    if (!tos) return tos;
    return *tos > 255 ? 0 : *tos; // BSD and Apple return -1 until the option is set
}

Result<> IpSocketBase::set_dscp(std::uint32_t dscp) const noexcept {
    const auto before = tos();
    if (!before) return std::unexpected(before.error());
    if (dscp > 63) return invalid_argument();
    return set_tos(dscp << dscp_shift | (*before & ecn_bits));
}
Result<std::uint32_t> IpSocketBase::dscp() const noexcept {
    const auto all = tos();
    if (!all) return all;
    return *all >> dscp_shift;
}

Result<> IpSocketBase::bind_device(std::string_view name) const noexcept {
    if (name.contains('\0')) return std::unexpected(make_error_code(Errc::interior_nul));
    return set_device(raw(), name);
}
Result<std::string> IpSocketBase::device() const {
    DeviceName name{};
    if (auto got = get_device(raw(), name); !got) return std::unexpected(got.error());
    return std::string(name.data());
}

Result<> IpSocketBase::set_transparent(bool on) const noexcept {
    const auto v6 = is_v6(raw());
    if (!v6) return std::unexpected(v6.error());
    return set_flag(raw(), *v6 ? transparent_v6_option : transparent_v4_option, on);
}
Result<bool> IpSocketBase::transparent() const noexcept {
    const auto v6 = is_v6(raw());
    if (!v6) return std::unexpected(v6.error());
    return get_flag(raw(), *v6 ? transparent_v6_option : transparent_v4_option);
}

Result<> IpSocketBase::set_incoming_cpu(std::uint32_t processor) const noexcept {
    return set_count(raw(), incoming_cpu_option, processor);
}
Result<std::optional<std::uint32_t>> IpSocketBase::incoming_cpu() const noexcept {
    const auto processor = get_count(raw(), incoming_cpu_option);
    if (!processor) return std::unexpected(processor.error());
    constexpr auto none = static_cast<std::uint32_t>(-1);
    if (*processor == none) return std::nullopt;
    return *processor;
}

} // namespace mio::net
