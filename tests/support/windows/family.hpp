// Windows-specific parts of the test support.
#pragma once

#include <system_error>

namespace test {

/// The open handles of a process: the number of files, sockets and completion ports.
using OpenHandles = unsigned long;

/// Error of a call on an invalid handle.
inline constexpr auto no_such_handle = std::errc::not_a_socket;

/// Whether "localhost" resolves.
inline bool resolves_localhost() { return true; }

/// Whether the sender of a datagram receives an error if no socket is bound to the destination. Wine does not report
/// the first refusal, and reports later ones without an error code.
bool reports_refused_datagrams();

/// Whether a refused datagram makes sending fail too, not only receiving.
inline constexpr bool refusal_fails_sending = false;

/// Whether this is Wine, which differs from Windows in places.
bool is_wine();

/// Error of sending without a peer; Wine has its own.
inline bool is_no_peer(const std::error_code& code) {
    return code == std::errc::not_connected || code == std::errc::invalid_argument;
}

/// Errors of using an address of the other family; the last two are Wine's.
inline bool is_wrong_family(const std::error_code& code) {
    return code == std::errc::address_family_not_supported || code == std::errc::bad_address
           || code == std::errc::operation_not_supported || code == std::errc::invalid_argument;
}

} // namespace test
