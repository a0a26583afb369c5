// Unix-specific parts of the test support.
#pragma once

#include <filesystem>
#include <set>
#include <system_error>

namespace test {

/// The open handles of a process: its descriptors.
using OpenHandles = std::set<int>;

/// Error of a call on an invalid descriptor.
inline constexpr auto no_such_handle = std::errc::bad_file_descriptor;

/// Whether "localhost" resolves; it does not in a bare chroot.
inline bool resolves_localhost() { return std::filesystem::exists("/etc/hosts"); }

/// Whether this is Wine, which differs from Windows in places.
inline bool is_wine() { return false; }

/// Whether the sender of a datagram receives an error if no socket is bound to the destination.
inline bool reports_refused_datagrams() { return true; }

/// Whether a refused datagram makes sending fail too, not only receiving.
inline constexpr bool refusal_fails_sending = true;

/// Error of sending without a peer.
inline bool is_no_peer(const std::error_code& code) {
    return code == std::errc::destination_address_required;
}

/// Error of using an address of the other family.
inline bool is_wrong_family(const std::error_code& code) {
    return code == std::errc::address_family_not_supported;
}

} // namespace test
