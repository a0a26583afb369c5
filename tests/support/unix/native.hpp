// Socket functions that differ between system families, for plain.cpp.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <system_error>

#include "sockets.hpp"

#include "support.hpp"

namespace test::plain::native {

using Length = ::socklen_t;
using Size = std::size_t;
inline constexpr int shut_writing = SHUT_WR;

inline std::error_code last_error() { return {errno, mio::os_category()}; }

// Not every system supports SOCK_CLOEXEC or accept4.
inline mio::RawHandle close_on_exec(mio::RawHandle handle) {
    if (handle != -1) ::fcntl(handle, F_SETFD, FD_CLOEXEC);
    return handle;
}
inline mio::RawHandle open(int family, int type) { return close_on_exec(::socket(family, type, 0)); }
inline mio::RawHandle accept(mio::RawHandle listener) {
    return close_on_exec(::accept(listener, nullptr, nullptr));
}
inline void close(mio::RawHandle handle) { ::close(handle); }
inline bool set_non_blocking(mio::RawHandle handle) {
    return ::fcntl(handle, F_SETFL, ::fcntl(handle, F_GETFL) | O_NONBLOCK) == 0;
}
inline int wait(::pollfd& record, int timeout_ms) { return ::poll(&record, 1, timeout_ms); }

inline ::timeval time_out(std::chrono::milliseconds limit) {
    return {.tv_sec = static_cast<decltype(::timeval::tv_sec)>(limit.count() / 1000),
            .tv_usec = static_cast<decltype(::timeval::tv_usec)>(limit.count() % 1000 * 1000)};
}

} // namespace test::plain::native
