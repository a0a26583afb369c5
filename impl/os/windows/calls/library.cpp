module;

#include <winsock2.h>

#include <algorithm>
#include <cstddef>
#include <limits>

module mio.sys.calls;

import mio.core.handle;

namespace mio::sys {
namespace {

// As much of `size` as one call takes.
int clamp(std::size_t size) noexcept {
    return static_cast<int>(std::min<std::size_t>(size, std::numeric_limits<int>::max()));
}

} // namespace

Moved receive(RawHandle handle, std::byte* buffer, std::size_t size) noexcept {
    const int count = ::recv(handle, reinterpret_cast<char*>(buffer), clamp(size), 0);
    if (count != SOCKET_ERROR) return count;
    // A datagram that was cut is an error to Winsock, which has filled the buffer all the same.
    const int code = ::WSAGetLastError();
    return code == WSAEMSGSIZE ? static_cast<Moved>(size) : -code;
}

Moved send(RawHandle handle, const std::byte* bytes, std::size_t size) noexcept {
    const int count = ::send(handle, reinterpret_cast<const char*>(bytes), clamp(size), 0);
    return count == SOCKET_ERROR ? -::WSAGetLastError() : count;
}

} // namespace mio::sys
