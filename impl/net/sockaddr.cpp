module;

#include "sockets.hpp"

#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstring>

module mio.net.sockaddr;

import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.net.address;
import mio.net.local;
import mio.net.socket;
import mio.net.sockio;
import mio.os;
import mio.std;

namespace mio::net {
namespace {

// On BSD and Apple an address contains its length.
template <class Native> void set_length(Native& native, std::size_t length) noexcept {
    const auto byte = static_cast<std::uint8_t>(length);
    if constexpr (requires { native.sin_len; }) native.sin_len = byte;
    if constexpr (requires { native.sin6_len; }) native.sin6_len = byte;
    if constexpr (requires { native.sun_len; }) native.sun_len = byte;
}

} // namespace

OsAddress to_os(const SocketAddress& address) noexcept {
    OsAddress result;
    const IpAddress ip = address.ip();
    if (ip.is_v4()) {
        ::sockaddr_in native{};
        set_length(native, sizeof native);
        native.sin_family = AF_INET;
        native.sin_port = htons(address.port());
        std::memcpy(&native.sin_addr, ip.bytes().data(), sizeof native.sin_addr);
        std::memcpy(&result.storage, &native, sizeof native);
        result.length = sizeof native;
    } else {
        ::sockaddr_in6 native{};
        set_length(native, sizeof native);
        native.sin6_family = AF_INET6;
        native.sin6_port = htons(address.port());
        native.sin6_flowinfo = htonl(address.flow_info());
        std::memcpy(&native.sin6_addr, ip.bytes().data(), sizeof native.sin6_addr);
        native.sin6_scope_id = address.scope_id();
        std::memcpy(&result.storage, &native, sizeof native);
        result.length = sizeof native;
    }
    return result;
}

Result<SocketAddress> from_os(const OsAddress& address) noexcept {
    if (address.size() >= sizeof(::sockaddr_in) && address.storage.ss_family == AF_INET) {
        ::sockaddr_in native;
        std::memcpy(&native, &address.storage, sizeof native);
        std::uint8_t bytes[4];
        std::memcpy(bytes, &native.sin_addr, sizeof bytes);
        return SocketAddress(IpAddress::v4(bytes[0], bytes[1], bytes[2], bytes[3]), ntohs(native.sin_port));
    }
    if (address.size() >= sizeof(::sockaddr_in6) && address.storage.ss_family == AF_INET6) {
        ::sockaddr_in6 native;
        std::memcpy(&native, &address.storage, sizeof native);
        std::uint8_t bytes[16];
        std::memcpy(bytes, &native.sin6_addr, sizeof bytes);
        return SocketAddress(IpAddress::v6(bytes), ntohs(native.sin6_port), ntohl(native.sin6_flowinfo),
                             native.sin6_scope_id);
    }
    return std::unexpected(make_error_code(Errc::invalid_address));
}

OsAddress to_os(const UnixAddress& address) noexcept {
    ::sockaddr_un native{};
    native.sun_family = AF_UNIX;
    std::size_t length = offsetof(::sockaddr_un, sun_path);
    if (const auto path = address.path()) {
        std::ranges::copy(*path, native.sun_path);
        // A path that fills sun_path, which only a foreign socket has, is not NUL-terminated.
        length += std::min(path->size() + 1, sizeof native.sun_path);
    } else if (const auto name = address.abstract_name()) {
        std::ranges::copy(*name, native.sun_path + 1);
        length += 1 + name->size();
    }
    set_length(native, length);
    OsAddress result;
    std::memcpy(&result.storage, &native, sizeof native);
    result.length = static_cast<::socklen_t>(length);
    return result;
}

UnixAddress unix_from_os(const OsAddress& address) noexcept {
    constexpr std::size_t begin = offsetof(::sockaddr_un, sun_path);
    // An unbound sender has an address of length 0, whose family is not set. If a path fills sun_path without a NUL,
    // Linux reports one byte more than the size of the structure.
    const std::size_t end = std::min(address.size(), sizeof(::sockaddr_un));
    if (end <= begin || address.storage.ss_family != AF_UNIX) return UnixAddress::unnamed();
    const std::string_view sun_path(reinterpret_cast<const char*>(&address.storage) + begin, end - begin);
    return sys::BackendAccess::from_kernel<UnixAddress>(sun_path);
}

static_assert(RawAddress::max_size >= sizeof(::sockaddr_storage));

OsAddress to_os(const RawAddress& address) noexcept {
    const auto bytes = address.bytes();
    OsAddress result;
    // The OS reads no more than `length` bytes; it refuses an address that is too long.
    const auto size = std::min(bytes.size(), sizeof result.storage);
    std::memcpy(&result.storage, bytes.data(), size);
    result.length = static_cast<::socklen_t>(size);
    return result;
}

RawAddress raw_from_os(const OsAddress& address) noexcept {
    // The kernel reports the full length even of an address that it truncated.
    const auto size = std::min(address.size(), sizeof address.storage);
    const auto* bytes = reinterpret_cast<const std::byte*>(&address.storage);
    return RawAddress::from_bytes({bytes, size}).value_or(RawAddress());
}

int family_of(const SocketAddress& address) noexcept { return address.ip().is_v4() ? AF_INET : AF_INET6; }

Result<OsAddress> peer_name_of(RawHandle handle) noexcept {
    OsAddress address;
    if (auto queried = os::check(::getpeername(handle, address.get(), &address.length)); !queried)
        return std::unexpected(queried.error());
    return address;
}

namespace {

Result<SocketAddress> to_ip(const Result<OsAddress>& address) noexcept {
    if (!address) return std::unexpected(address.error());
    return from_os(*address);
}

Result<UnixAddress> to_unix(const Result<OsAddress>& address) noexcept {
    if (!address) return std::unexpected(address.error());
    return unix_from_os(*address);
}

} // namespace

Result<SocketAddress> local_address_of(RawHandle handle) noexcept { return to_ip(local_name_of(handle)); }
Result<SocketAddress> peer_address_of(RawHandle handle) noexcept { return to_ip(peer_name_of(handle)); }
Result<UnixAddress> unix_local_address_of(RawHandle handle) noexcept {
    return to_unix(local_name_of(handle));
}
Result<UnixAddress> unix_peer_address_of(RawHandle handle) noexcept { return to_unix(peer_name_of(handle)); }

Result<std::size_t> get_option_bytes(RawHandle handle, int level, int name,
                                     std::span<std::byte> value) noexcept {
    auto length = static_cast<::socklen_t>(std::min<std::size_t>(value.size(), INT_MAX));
    const int result = ::getsockopt(handle, level, name, reinterpret_cast<char*>(value.data()), &length);
    if (auto got = os::check(result); !got) return std::unexpected(got.error());
    // Some options report the length that they would need.
    return std::min(static_cast<std::size_t>(length), value.size());
}

Result<> set_option_bytes(RawHandle handle, int level, int name, std::span<const std::byte> value) noexcept {
    if (value.size() > INT_MAX) return std::unexpected(os_error(std::errc::invalid_argument));
    return os::check(::setsockopt(handle, level, name, reinterpret_cast<const char*>(value.data()),
                                  static_cast<::socklen_t>(value.size())));
}

Result<> set_flag(RawHandle handle, int level, int name, bool on) noexcept {
    return set_option<int>(handle, level, name, on ? 1 : 0);
}

Result<bool> get_flag(RawHandle handle, int level, int name) noexcept {
    const auto value = get_option<int>(handle, level, name);
    if (!value) return std::unexpected(value.error());
    return *value != 0;
}

Result<> set_count(RawHandle handle, int level, int name, std::uint64_t count) noexcept {
    if (count > INT_MAX) return std::unexpected(os_error(std::errc::invalid_argument));
    return set_option<int>(handle, level, name, static_cast<int>(count));
}

Result<> set_buffer_size(RawHandle handle, int name, std::uint64_t bytes) noexcept {
    // Linux and Windows clamp larger values. BSD and Apple reject them, and 0 too.
    auto size = static_cast<int>(std::clamp<std::uint64_t>(bytes, least_buffer_size, INT_MAX));
    while (true) {
        auto set = set_option<int>(handle, SOL_SOCKET, name, size);
        if (set || size < 2 || set.error() != std::errc::no_buffer_space) return set;
        size /= 2;
    }
}

Result<std::uint32_t> get_count(RawHandle handle, int level, int name) noexcept {
    const auto value = get_option<int>(handle, level, name);
    if (!value) return std::unexpected(value.error());
    return static_cast<std::uint32_t>(*value);
}

Result<> set_flag(RawHandle handle, const OptionName& option, bool on) noexcept {
    return option.name ? set_flag(handle, option.level, *option.name, on)
                       : std::unexpected(Errc::unsupported);
}
Result<bool> get_flag(RawHandle handle, const OptionName& option) noexcept {
    return option.name ? get_flag(handle, option.level, *option.name) : std::unexpected(Errc::unsupported);
}
Result<> set_count(RawHandle handle, const OptionName& option, std::uint64_t count) noexcept {
    return option.name ? set_count(handle, option.level, *option.name, count)
                       : std::unexpected(Errc::unsupported);
}
Result<std::uint32_t> get_count(RawHandle handle, const OptionName& option) noexcept {
    return option.name ? get_count(handle, option.level, *option.name) : std::unexpected(Errc::unsupported);
}

Result<bool> is_v6(RawHandle handle) noexcept {
    const auto address = local_name_of(handle);
    if (!address) return std::unexpected(address.error());
    return address->storage.ss_family == AF_INET6;
}

Result<> set_hops(RawHandle handle, std::uint32_t hops) noexcept {
    const auto v6 = is_v6(handle);
    if (!v6) return std::unexpected(v6.error());
    // Linux accepts 0 for IPv6, and Windows for both families; such packets never leave the host.
    if (hops == 0 || hops > 255) return std::unexpected(os_error(std::errc::invalid_argument));
    if (!*v6) return set_count(handle, IPPROTO_IP, IP_TTL, hops);
    if (auto set = set_count(handle, IPPROTO_IPV6, IPV6_UNICAST_HOPS, hops); !set) return set;
    // For packets to IPv4 peers of an IPv6 socket. Not all systems allow the option there.
    [[maybe_unused]] const auto ignored = set_count(handle, IPPROTO_IP, IP_TTL, hops);
    return {};
}

Result<std::uint32_t> get_hops(RawHandle handle) noexcept {
    constexpr std::uint32_t usual = 64; // default of these kernels
    const auto v6 = is_v6(handle);
    if (!v6) return std::unexpected(v6.error());
    if (!*v6) return get_count(handle, IPPROTO_IP, IP_TTL);
    const auto hops = get_option<int>(handle, IPPROTO_IPV6, IPV6_UNICAST_HOPS);
    if (!hops) return std::unexpected(hops.error());
    // BSD and Apple return -1 until the option is set.
    return *hops < 0 ? usual : static_cast<std::uint32_t>(*hops);
}

std::size_t size_of(std::span<const IoSlice> buffers) noexcept {
    std::size_t total = 0;
    for (const auto& buffer : buffers) {
        const auto size = buffer.bytes().size();
        total = size > SIZE_MAX - total ? SIZE_MAX : total + size;
    }
    return total;
}

} // namespace mio::net
