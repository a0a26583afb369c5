// The system's headers for sockets, and what families name differently. Before support.hpp, as every header of the system.
#pragma once

#include <winsock2.h>
#include <ws2tcpip.h>

// No signal comes of writing to a stream that has ended.
inline constexpr int MSG_NOSIGNAL = 0;
