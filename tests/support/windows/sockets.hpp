// System socket headers and names that differ between families. Include before support.hpp, as every system header.
#pragma once

#include <winsock2.h>
#include <ws2tcpip.h>

// Writing to a closed stream raises no signal.
inline constexpr int MSG_NOSIGNAL = 0;
