// For whoever is compiled with a sanitizer, which has to see these calls.

module;

#include <sys/socket.h>
#include <sys/types.h>

#include <cerrno>
#include <cstddef>

module mio.sys.calls;

import mio.core.handle;

namespace mio::sys {

Moved receive_by_library(RawHandle handle, std::byte* buffer, std::size_t size) noexcept {
    const ::ssize_t count = ::recv(handle, buffer, size, 0);
    return count == -1 ? -errno : count;
}

Moved send_by_library(RawHandle handle, const std::byte* bytes, std::size_t size) noexcept {
    const ::ssize_t count = ::send(handle, bytes, size, MSG_NOSIGNAL);
    return count == -1 ? -errno : count;
}

} // namespace mio::sys
