module;

#include <winsock2.h>
#include <ws2tcpip.h>

#include <windows.h>

module mio.os.open;

import mio.core.error;
import mio.core.handle;
import mio.os;
import mio.os.winsock;
import mio.std;

namespace mio::os {
namespace {

Result<> set_nonblocking(RawHandle handle) noexcept {
    ::u_long on = 1;
    return check(::ioctlsocket(handle, static_cast<long>(FIONBIO), &on));
}

// SIO_UDP_CONNRESET and SIO_UDP_NETRESET, missing from some headers.
constexpr ::DWORD udp_connreset = 0x9800000C;
constexpr ::DWORD udp_netreset = 0x9800000F;

} // namespace

Result<OwnedHandle> open_socket(int family, int type, int protocol) noexcept {
    if (auto started = start_winsock(); !started) return std::unexpected(started.error());
    auto handle = check_handle(
        ::WSASocketW(family, type, protocol, nullptr, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT));
    if (!handle) {
        // The error depends on what is missing: the family, or datagrams of the family.
        const int code = handle.error().value();
        const bool is_missing = code == WSAEAFNOSUPPORT || code == WSAESOCKTNOSUPPORT
                                || code == WSAEPROTONOSUPPORT || code == WSAEPROTOTYPE;
        if (family == AF_UNIX && is_missing) return std::unexpected(Errc::unsupported);
        return std::unexpected(handle.error());
    }
    if (auto set = set_nonblocking(handle->get()); !set) return std::unexpected(set.error());
    // As on other systems, a refusal by one of many peers does not make `receive_from` fail.
    if (type == SOCK_DGRAM) report_refusals(handle->get(), false);
    return handle;
}

Result<std::pair<OwnedHandle, OwnedHandle>> open_socket_pair(int, int, int) noexcept {
    return std::unexpected(Errc::unsupported);
}

Result<OwnedHandle> accept_socket(RawHandle listener, ::sockaddr* peer, ::socklen_t* length) noexcept {
    auto handle = check_handle(::accept(listener, peer, length));
    if (!handle) return handle;
    // No call does it atomically: a program started at this moment may inherit the socket.
    ::SetHandleInformation(reinterpret_cast<::HANDLE>(handle->get()), HANDLE_FLAG_INHERIT, 0);
    if (auto set = set_nonblocking(handle->get()); !set) return std::unexpected(set.error());
    return handle;
}

void report_refusals(RawHandle handle, bool on) noexcept {
    for (const auto request : {udp_connreset, udp_netreset}) {
        ::BOOL choice = on ? TRUE : FALSE;
        ::DWORD size = 0;
        ::WSAIoctl(handle, request, &choice, sizeof choice, nullptr, 0, &size, nullptr, nullptr);
    }
}

} // namespace mio::os
