module;

#include <winsock2.h>

#include <algorithm>
#include <climits>
#include <cstddef>

module mio.sys.calls;

import mio.core.handle;

namespace mio::sys {
namespace {

// Winsock counts with int.
int size_of(std::size_t size) noexcept { return static_cast<int>(std::min<std::size_t>(size, INT_MAX)); }

} // namespace

Moved receive(RawHandle handle, std::byte* buffer, std::size_t size) noexcept {
    const int count = ::recv(handle, reinterpret_cast<char*>(buffer), size_of(size), 0);
    return count == SOCKET_ERROR ? -static_cast<Moved>(::WSAGetLastError()) : count;
}

Moved send(RawHandle handle, const std::byte* bytes, std::size_t size) noexcept {
    const int count = ::send(handle, reinterpret_cast<const char*>(bytes), size_of(size), 0);
    return count == SOCKET_ERROR ? -static_cast<Moved>(::WSAGetLastError()) : count;
}

} // namespace mio::sys
