// The system's headers for sockets, and what families name differently. Before support.hpp, as every header of the system.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
