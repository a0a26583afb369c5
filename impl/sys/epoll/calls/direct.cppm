/// @file
/// The calls of epoll(7) that a program makes most, without the C library between. For bodies only.

module;

#include <sys/epoll.h>
#include <sys/syscall.h>

export module mio.sys.epoll.calls;

import mio.core.handle;
import mio.sys.direct_call;

namespace mio::sys::epoll {

/// As epoll_wait(2), but answers a negative `errno` value for a failure.
export inline int wait(RawHandle epoll, ::epoll_event* records, int capacity, int milliseconds) noexcept {
    const auto address = reinterpret_cast<long>(records);
#ifdef SYS_epoll_wait // younger processors' Linux has only the other one
    return static_cast<int>(direct_call(SYS_epoll_wait, epoll, address, capacity, milliseconds));
#else
    return static_cast<int>(direct_call(SYS_epoll_pwait, epoll, address, capacity, milliseconds, 0, 0));
#endif
}

/// @see epoll_ctl(2)
export inline int control(RawHandle epoll, int operation, RawHandle handle, ::epoll_event* record) noexcept {
    return static_cast<int>(
        direct_call(SYS_epoll_ctl, epoll, operation, handle, reinterpret_cast<long>(record)));
}

} // namespace mio::sys::epoll
