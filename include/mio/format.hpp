// std::format for mio's addresses. Optional: requires a standard library with <format> (libstdc++ 13, libc++ 17), which
// mio itself does not. It imports mio; include it after all other headers.
#pragma once

#include <concepts>
#include <format>
#include <string_view>

import mio;

/// Formats an address as its `to_string` does; the format specification is that of strings ("{:>20}").
template <class T>
    requires std::same_as<T, mio::net::IpAddress> || std::same_as<T, mio::net::IpPrefix>
             || std::same_as<T, mio::net::SocketAddress> || std::same_as<T, mio::net::UnixAddress>
struct std::formatter<T, char> : std::formatter<std::string_view, char> {
    template <class Context> auto format(const T& address, Context& context) const {
        return std::formatter<std::string_view, char>::format(address.to_string(), context);
    }
};
