/// @file
/// Names of the options that not every system has. Internal.

module;

#include <winsock2.h>
#include <ws2tcpip.h>

export module mio.net.options;

import mio.core.error;
import mio.core.handle;
import mio.net.sockaddr;
import mio.std;

namespace mio::net {

inline constexpr OptionName absent;

/// TCP_KEEPIDLE and TCP_KEEPINTVL (Windows 10, version 1709), TCP_KEEPCNT (1703) and TCP_FASTOPEN (1607), which some
/// headers lack. Times are in seconds.
/// @see IPPROTO_TCP socket options
export inline constexpr OptionName keepalive_idle_option{IPPROTO_TCP, 3};
export inline constexpr OptionName keepalive_interval_option{IPPROTO_TCP, 17};
export inline constexpr OptionName keepalive_count_option{IPPROTO_TCP, 16};
export inline constexpr OptionName fastopen_option{IPPROTO_TCP, 15};
export inline constexpr std::uint32_t longest_fastopen_queue = 1; // a flag

export inline constexpr OptionName fastopen_connect_option = absent;
export inline constexpr OptionName user_timeout_option = absent;
export using UserTimeoutUnit = std::chrono::seconds;
export inline constexpr OptionName quickack_option = absent;

/// Windows has IP_TOS and ignores it, unless an administrator changes its registry.
export inline constexpr OptionName tos_v4_option = absent;
export inline constexpr OptionName tos_v6_option = absent;

export inline constexpr OptionName transparent_v4_option = absent;
export inline constexpr OptionName transparent_v6_option = absent;
export inline constexpr OptionName incoming_cpu_option = absent;
export inline constexpr OptionName segment_size_option = absent;
export inline constexpr OptionName receive_offload_option = absent;

/// The name of a network interface. IP_UNICAST_IF restricts sending only, so it is not used.
export using DeviceName = std::array<char, 1>;
export inline Result<> set_device(RawHandle, std::string_view) noexcept {
    return std::unexpected(make_error_code(Errc::unsupported));
}
export inline Result<> get_device(RawHandle, DeviceName&) noexcept {
    return std::unexpected(make_error_code(Errc::unsupported));
}

} // namespace mio::net
