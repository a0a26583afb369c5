/// @file
/// The calls of epoll, through the C library. `direct.cppm` beside this file does without it.

module;

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

export module mio.sys.epoll_calls;

import mio.core.handle;

namespace mio::sys::epoll {

/// The number of records, or an error's code, negative. Of `capacity` the kernel takes the lower half. @see epoll_wait(2)
export inline std::int64_t wait(RawHandle epoll, ::epoll_event* records, std::size_t capacity,
                                int milliseconds) noexcept {
    const int count = ::epoll_wait(epoll, records, static_cast<int>(capacity), milliseconds);
    return count == -1 ? -errno : count;
}

/// 0, or an error's code, negative. @see epoll_ctl(2)
export inline int control(RawHandle epoll, int operation, RawHandle handle, ::epoll_event* record) noexcept {
    return ::epoll_ctl(epoll, operation, handle, record) == -1 ? -errno : 0;
}

/// Adds one to an eventfd. What was written, or an error's code, negative. @see eventfd(2)
export inline std::int64_t add_one(RawHandle eventfd) noexcept {
    const std::uint64_t one = 1;
    const auto written = ::write(eventfd, &one, sizeof one);
    return written == -1 ? -errno : written;
}

} // namespace mio::sys::epoll
