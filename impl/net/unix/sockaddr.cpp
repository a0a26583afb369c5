module;

#include <netinet/in.h>
#include <sys/socket.h>

#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <span>
#include <system_error>

module mio.net.sockaddr;

import mio.core.error;
import mio.core.handle;
import mio.core.owned_handle;
import mio.net.address;
import mio.os;

namespace mio::net {

OsAddress to_os(const SocketAddress& address) noexcept {
    OsAddress result;
    const IpAddress ip = address.ip();
    if (ip.is_v4()) {
        ::sockaddr_in native{};
        native.sin_family = AF_INET;
        native.sin_port = htons(address.port());
        std::memcpy(&native.sin_addr, ip.bytes().data(), sizeof native.sin_addr);
        std::memcpy(&result.storage, &native, sizeof native);
        result.length = sizeof native;
    } else {
        ::sockaddr_in6 native{};
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
    if (address.storage.ss_family == AF_INET && address.length >= sizeof(::sockaddr_in)) {
        ::sockaddr_in native;
        std::memcpy(&native, &address.storage, sizeof native);
        std::uint8_t bytes[4];
        std::memcpy(bytes, &native.sin_addr, sizeof bytes);
        return SocketAddress(IpAddress::v4(bytes[0], bytes[1], bytes[2], bytes[3]), ntohs(native.sin_port));
    }
    if (address.storage.ss_family == AF_INET6 && address.length >= sizeof(::sockaddr_in6)) {
        ::sockaddr_in6 native;
        std::memcpy(&native, &address.storage, sizeof native);
        std::uint8_t bytes[16];
        std::memcpy(bytes, &native.sin6_addr, sizeof bytes);
        return SocketAddress(IpAddress::v6(bytes), ntohs(native.sin6_port), ntohl(native.sin6_flowinfo),
                             native.sin6_scope_id);
    }
    return std::unexpected(make_error_code(Errc::invalid_address));
}

int family_of(const SocketAddress& address) noexcept { return address.ip().is_v4() ? AF_INET : AF_INET6; }

Result<OwnedHandle> make_socket(int family, int type) noexcept {
    return os::check_handle(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

Result<SocketAddress> local_address_of(RawHandle handle) noexcept {
    OsAddress address;
    if (::getsockname(handle, address.get(), &address.length) == -1) return std::unexpected(os::last_error());
    return from_os(address);
}

Result<SocketAddress> peer_address_of(RawHandle handle) noexcept {
    OsAddress address;
    if (::getpeername(handle, address.get(), &address.length) == -1) return std::unexpected(os::last_error());
    return from_os(address);
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
    if (count > INT_MAX) return std::unexpected(std::make_error_code(std::errc::invalid_argument));
    return set_option<int>(handle, level, name, static_cast<int>(count));
}

Result<std::uint32_t> get_count(RawHandle handle, int level, int name) noexcept {
    const auto value = get_option<int>(handle, level, name);
    if (!value) return std::unexpected(value.error());
    return static_cast<std::uint32_t>(*value);
}

} // namespace mio::net
