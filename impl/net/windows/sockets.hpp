// The system's headers on sockets, for the bodies that all families share. In this order.
#pragma once

#include <winsock2.h>
#include <ws2tcpip.h>

#include <afunix.h>
#include <iphlpapi.h>
#include <netioapi.h>
