/// @file
/// Names of the options that not every POSIX system has. Internal.

module;

#ifndef __APPLE_USE_RFC_3542
#define __APPLE_USE_RFC_3542 // or Apple's headers hide IPV6_TCLASS; see ip6(4)
#endif
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <climits>

export module mio.net.options;

import mio.core.error;
import mio.core.handle;
import mio.net.sockaddr;
import mio.os;
import mio.std;

namespace mio::net {

inline constexpr OptionName absent;

/// Idle time before the first keepalive probe, in seconds.
#if defined(TCP_KEEPIDLE)
export inline constexpr OptionName keepalive_idle_option{IPPROTO_TCP, TCP_KEEPIDLE};
#elif defined(TCP_KEEPALIVE) // Apple
export inline constexpr OptionName keepalive_idle_option{IPPROTO_TCP, TCP_KEEPALIVE};
#else
export inline constexpr OptionName keepalive_idle_option = absent;
#endif

/// Time between keepalive probes, in seconds, and their number.
#if defined(TCP_KEEPINTVL)
export inline constexpr OptionName keepalive_interval_option{IPPROTO_TCP, TCP_KEEPINTVL};
export inline constexpr OptionName keepalive_count_option{IPPROTO_TCP, TCP_KEEPCNT};
#else
export inline constexpr OptionName keepalive_interval_option = absent;
export inline constexpr OptionName keepalive_count_option = absent;
#endif

/// Maximum time that data stays unacknowledged; 0 is the default.
#if defined(TCP_USER_TIMEOUT)
export inline constexpr OptionName user_timeout_option{IPPROTO_TCP, TCP_USER_TIMEOUT};
export using UserTimeoutUnit = std::chrono::milliseconds;
#elif defined(TCP_RXT_CONNDROPTIME) // Apple
export inline constexpr OptionName user_timeout_option{IPPROTO_TCP, TCP_RXT_CONNDROPTIME};
export using UserTimeoutUnit = std::chrono::seconds;
#elif defined(TCP_MAXUNACKTIME)     // FreeBSD
export inline constexpr OptionName user_timeout_option{IPPROTO_TCP, TCP_MAXUNACKTIME};
export using UserTimeoutUnit = std::chrono::seconds;
#else
export inline constexpr OptionName user_timeout_option = absent;
export using UserTimeoutUnit = std::chrono::seconds;
#endif

/// TCP Fast Open of a listener: the length of its queue on Linux, otherwise a flag.
#if defined(TCP_FASTOPEN)
export inline constexpr OptionName fastopen_option{IPPROTO_TCP, TCP_FASTOPEN};
#else
export inline constexpr OptionName fastopen_option = absent;
#endif
#if defined(__linux__)
export inline constexpr std::uint32_t longest_fastopen_queue = INT_MAX;
#else
export inline constexpr std::uint32_t longest_fastopen_queue = 1;
#endif
#if defined(TCP_FASTOPEN_CONNECT)
export inline constexpr OptionName fastopen_connect_option{IPPROTO_TCP, TCP_FASTOPEN_CONNECT};
#else
export inline constexpr OptionName fastopen_connect_option = absent;
#endif

#if defined(TCP_QUICKACK)
export inline constexpr OptionName quickack_option{IPPROTO_TCP, TCP_QUICKACK};
#else
export inline constexpr OptionName quickack_option = absent;
#endif

export inline constexpr OptionName tos_v4_option{IPPROTO_IP, IP_TOS};
export inline constexpr OptionName tos_v6_option{IPPROTO_IPV6, IPV6_TCLASS};

/// Binding to addresses of other machines.
#if defined(IP_TRANSPARENT) // Linux
export inline constexpr OptionName transparent_v4_option{IPPROTO_IP, IP_TRANSPARENT};
export inline constexpr OptionName transparent_v6_option{IPPROTO_IPV6, IPV6_TRANSPARENT};
#elif defined(IP_BINDANY) // FreeBSD, NetBSD
export inline constexpr OptionName transparent_v4_option{IPPROTO_IP, IP_BINDANY};
export inline constexpr OptionName transparent_v6_option{IPPROTO_IPV6, IPV6_BINDANY};
#elif defined(SO_BINDANY) // OpenBSD
export inline constexpr OptionName transparent_v4_option{SOL_SOCKET, SO_BINDANY};
export inline constexpr OptionName transparent_v6_option{SOL_SOCKET, SO_BINDANY};
#else
export inline constexpr OptionName transparent_v4_option = absent;
export inline constexpr OptionName transparent_v6_option = absent;
#endif

#if defined(SO_INCOMING_CPU)
export inline constexpr OptionName incoming_cpu_option{SOL_SOCKET, SO_INCOMING_CPU};
#else
export inline constexpr OptionName incoming_cpu_option = absent;
#endif

/// Segmentation and receive offload of UDP (GSO, GRO).
#if defined(UDP_SEGMENT)
export inline constexpr OptionName segment_size_option{IPPROTO_UDP, UDP_SEGMENT};
#else
export inline constexpr OptionName segment_size_option = absent;
#endif
#if defined(UDP_GRO)
export inline constexpr OptionName receive_offload_option{IPPROTO_UDP, UDP_GRO};
#else
export inline constexpr OptionName receive_offload_option = absent;
#endif

/// The name of a network interface, with a NUL.
export using DeviceName = std::array<char, IF_NAMESIZE>;

inline std::unexpected<std::error_code> no_device() noexcept {
    return std::unexpected(os_error(std::errc::no_such_device));
}

// The functions below restrict a socket to an interface; an empty name is no restriction.
#if defined(SO_BINDTODEVICE)

export inline Result<> set_device(RawHandle handle, std::string_view name) noexcept {
    DeviceName copy{};
    if (name.size() >= copy.size()) return no_device(); // the kernel would truncate it
    std::ranges::copy(name, copy.begin());
    return net::set_option(handle, SOL_SOCKET, SO_BINDTODEVICE, copy);
}
export inline Result<> get_device(RawHandle handle, DeviceName& name) noexcept {
    const auto size =
        get_option_bytes(handle, SOL_SOCKET, SO_BINDTODEVICE, std::as_writable_bytes(std::span(name)));
    if (!size) return std::unexpected(size.error());
    return {};
}

#elif defined(IP_BOUND_IF)

inline OptionName device_option(bool v6) noexcept {
    return v6 ? OptionName{IPPROTO_IPV6, IPV6_BOUND_IF} : OptionName{IPPROTO_IP, IP_BOUND_IF};
}
export inline Result<> set_device(RawHandle handle, std::string_view name) noexcept {
    const auto v6 = is_v6(handle);
    if (!v6) return std::unexpected(v6.error());
    DeviceName copy{};
    if (name.size() >= copy.size()) return no_device();
    std::ranges::copy(name, copy.begin());
    const unsigned index = name.empty() ? 0 : ::if_nametoindex(copy.data());
    if (index == 0 && !name.empty()) return no_device();
    return set_count(handle, device_option(*v6), index);
}
export inline Result<> get_device(RawHandle handle, DeviceName& name) noexcept {
    const auto v6 = is_v6(handle);
    if (!v6) return std::unexpected(v6.error());
    const auto index = get_count(handle, device_option(*v6));
    if (!index) return std::unexpected(index.error());
    name = {};
    if (*index != 0 && ::if_indextoname(*index, name.data()) == nullptr)
        return std::unexpected(os::last_error());
    return {};
}

#else

export inline Result<> set_device(RawHandle, std::string_view) noexcept {
    return std::unexpected(Errc::unsupported);
}
export inline Result<> get_device(RawHandle, DeviceName&) noexcept {
    return std::unexpected(Errc::unsupported);
}

#endif

} // namespace mio::net
