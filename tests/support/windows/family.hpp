// What this family of systems has in its own way.
#pragma once

#include <system_error>

namespace test {

/// What a process has open: how many handles, whatever they stand for.
using OpenHandles = unsigned long;

/// What is said of a number that names nothing.
inline constexpr auto no_such_handle = std::errc::not_a_socket;

/// Whether "localhost" can be resolved.
inline bool knows_localhost() { return true; }

} // namespace test
