/// @file
/// The calls of epoll, straight to the kernel. `library.cppm` beside this file goes through the C library.

module;

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

export module mio.sys.epoll_calls;

import mio.core.handle;
import mio.sys.system_call;

namespace mio::sys::epoll {

/// The number of records, or an error's code, negative. Of `capacity` the kernel takes the lower half. @see epoll_wait(2)
export inline std::int64_t wait(RawHandle epoll, ::epoll_event* records, std::size_t capacity,
                                int milliseconds) noexcept {
    if constexpr (!is_direct) {
        const int count = ::epoll_wait(epoll, records, static_cast<int>(capacity), milliseconds);
        return count == -1 ? -errno : count;
    }
    return system_call(number_of_epoll_wait, epoll, reinterpret_cast<std::intptr_t>(records),
                       static_cast<long>(capacity), milliseconds);
}

/// 0, or an error's code, negative. @see epoll_ctl(2)
export inline int control(RawHandle epoll, int operation, RawHandle handle, ::epoll_event* record) noexcept {
    if constexpr (!is_direct) return ::epoll_ctl(epoll, operation, handle, record) == -1 ? -errno : 0;
    return static_cast<int>(
        system_call(number_of_epoll_ctl, epoll, operation, handle, reinterpret_cast<std::intptr_t>(record)));
}

/// Adds one to an eventfd. What was written, or an error's code, negative. @see eventfd(2)
export inline std::int64_t add_one(RawHandle eventfd) noexcept {
    const std::uint64_t one = 1;
    if constexpr (!is_direct) {
        const auto written = ::write(eventfd, &one, sizeof one);
        return written == -1 ? -errno : written;
    }
    return system_call(number_of_write, eventfd, reinterpret_cast<std::intptr_t>(&one), sizeof one, 0);
}

} // namespace mio::sys::epoll
