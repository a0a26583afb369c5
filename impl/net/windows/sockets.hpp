// The system's socket headers, for implementation units of all families. Their order matters.
#pragma once

#include <winsock2.h>
#include <ws2tcpip.h>

#include <afunix.h>
#include <iphlpapi.h>
#include <netioapi.h>
