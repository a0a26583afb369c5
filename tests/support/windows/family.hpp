// What this family of systems has in its own way.
#pragma once

#include <system_error>

namespace test {

/// What a process has open: how many files, sockets and completion ports.
using OpenHandles = unsigned long;

/// What is said of a number that names nothing.
inline constexpr auto no_such_handle = std::errc::not_a_socket;

/// Whether "localhost" can be resolved.
inline bool knows_localhost() { return true; }

/// Whether the sender of a datagram is told that nobody listens where it went. Wine keeps the first
/// refusal to itself, and does not say why what comes later is an error.
bool tells_of_refused_datagrams();

/// Whether a refused datagram makes sending fail too, not receiving alone.
inline constexpr bool refusal_fails_sending = false;

/// Whether this is Wine, which does some things otherwise than Windows.
bool is_wine();

/// What sending without a peer fails with; Wine has a code of its own.
inline bool says_no_peer(const std::error_code& code) {
    return code == std::errc::not_connected || code == std::errc::invalid_argument;
}

/// What an address of the other family fails with; the last two are Wine's.
inline bool says_wrong_family(const std::error_code& code) {
    return code == std::errc::address_family_not_supported || code == std::errc::bad_address
           || code == std::errc::operation_not_supported || code == std::errc::invalid_argument;
}

} // namespace test
