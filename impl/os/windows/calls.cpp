module;

#include <winsock2.h>

module mio.sys.calls;

import mio.core.handle;
import mio.std;

namespace mio::sys {
namespace {

// `size`, limited to what one call accepts.
int clamp(std::size_t size) noexcept {
    return static_cast<int>(std::min<std::size_t>(size, std::numeric_limits<int>::max()));
}

bool is_stream(RawHandle handle) noexcept {
    int type = 0;
    int size = sizeof type;
    ::getsockopt(handle, SOL_SOCKET, SO_TYPE, reinterpret_cast<char*>(&type), &size);
    return type == SOCK_STREAM;
}

// The result that other systems return where Winsock returns `code`.
Count received_instead(RawHandle handle, std::size_t size, int code) noexcept {
    switch (code) {
    case WSAEMSGSIZE: return static_cast<Count>(size); // a truncated datagram; the buffer is filled
    case WSAESHUTDOWN: return 0;
    case WSAEWOULDBLOCK: return size == 0 && is_stream(handle) ? 0 : -WSAEWOULDBLOCK;
    case WSAECONNRESET: return is_stream(handle) ? -WSAECONNRESET : -WSAECONNREFUSED; // ICMP port unreachable
    default: return -code;
    }
}

} // namespace

Count receive(RawHandle handle, std::byte* buffer, std::size_t size) noexcept {
    const int count = ::recv(handle, reinterpret_cast<char*>(buffer), clamp(size), 0);
    return count == SOCKET_ERROR ? received_instead(handle, size, ::WSAGetLastError()) : count;
}

Count send(RawHandle handle, const std::byte* bytes, std::size_t size) noexcept {
    const int count = ::send(handle, reinterpret_cast<const char*>(bytes), clamp(size), 0);
    return count == SOCKET_ERROR ? -::WSAGetLastError() : count;
}

} // namespace mio::sys
