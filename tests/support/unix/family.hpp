// What this family of systems has in its own way.
#pragma once

#include <filesystem>
#include <set>
#include <system_error>

namespace test {

/// What a process has open: its descriptors.
using OpenHandles = std::set<int>;

/// What is said of a number that names nothing.
inline constexpr auto no_such_handle = std::errc::bad_file_descriptor;

/// Whether "localhost" can be resolved: not in a bare chroot.
inline bool knows_localhost() { return std::filesystem::exists("/etc/hosts"); }

/// Whether this is Wine, which does some things otherwise than Windows.
inline bool is_wine() { return false; }

/// Whether the sender of a datagram is told that nobody listens where it went.
inline bool tells_of_refused_datagrams() { return true; }

/// Whether a refused datagram makes sending fail too, not receiving alone.
inline constexpr bool refusal_fails_sending = true;

/// What sending without a peer fails with.
inline bool says_no_peer(const std::error_code& code) {
    return code == std::errc::destination_address_required;
}

/// What an address of the other family fails with.
inline bool says_wrong_family(const std::error_code& code) {
    return code == std::errc::address_family_not_supported;
}

} // namespace test
