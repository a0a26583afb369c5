module;

#include <sys/socket.h>
#include <sys/types.h>

#include <cerrno>

module mio.sys.calls;

import mio.core.handle;
import mio.os;
import mio.std;

namespace mio::sys {
namespace {

// Apple's older headers lack the flag; there sockets are created with SO_NOSIGPIPE.
#ifdef MSG_NOSIGNAL
constexpr int no_signal = MSG_NOSIGNAL;
#else
constexpr int no_signal = 0;
#endif

} // namespace

Count receive(RawHandle handle, std::byte* buffer, std::size_t size) noexcept {
    const ::ssize_t count = ::recv(handle, buffer, os::clamp(size), 0);
    return count == -1 ? -errno : count;
}

Count send(RawHandle handle, const std::byte* bytes, std::size_t size) noexcept {
    const ::ssize_t count = ::send(handle, bytes, os::clamp(size), no_signal);
    return count == -1 ? -errno : count;
}

} // namespace mio::sys
