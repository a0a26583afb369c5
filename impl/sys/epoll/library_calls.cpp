module;

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>

module mio.sys.calls;

import mio.core.handle;
import mio.os;
import mio.std;

namespace mio::sys {

Count wait_epoll(RawHandle epoll, void* records, std::size_t capacity, int milliseconds) noexcept {
    const int count =
        ::epoll_wait(epoll, static_cast<::epoll_event*>(records), static_cast<int>(capacity), milliseconds);
    return count == -1 ? -errno : count;
}

Count control_epoll(RawHandle epoll, int operation, RawHandle handle, const void* record) noexcept {
    // The C library's parameter is not const; the kernel only reads.
    auto* const change = static_cast<::epoll_event*>(const_cast<void*>(record));
    return ::epoll_ctl(epoll, operation, handle, change) == -1 ? -errno : 0;
}

Count add_eventfd(RawHandle eventfd, std::uint64_t value) noexcept {
    const os::KeepErrno keep; // a signal handler may call it
    const auto written = ::write(eventfd, &value, sizeof value);
    return written == -1 ? -errno : written;
}

} // namespace mio::sys
