/// @file
/// The calls of epoll(7) that a program makes most, as the C library has them. For bodies only.

module;

#include <sys/epoll.h>

#include <cerrno>

export module mio.sys.epoll.calls;

import mio.core.handle;

namespace mio::sys::epoll {

/// As epoll_wait(2), but answers a negative `errno` value for a failure.
export inline int wait(RawHandle epoll, ::epoll_event* records, int capacity, int milliseconds) noexcept {
    const int count = ::epoll_wait(epoll, records, capacity, milliseconds);
    return count == -1 ? -errno : count;
}

/// As epoll_ctl(2), likewise.
export inline int control(RawHandle epoll, int operation, RawHandle handle, ::epoll_event* record) noexcept {
    return ::epoll_ctl(epoll, operation, handle, record) == -1 ? -errno : 0;
}

} // namespace mio::sys::epoll
