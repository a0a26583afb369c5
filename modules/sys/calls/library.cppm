/// @file
/// The most frequent system calls, made through the C library or Winsock. `direct.cppm` makes them directly.

export module mio.sys.calls;

import mio.std;
import mio.core.handle;

namespace mio::sys {

/// The result of a call: a count, or a negated error code of `os_category()`.
export using Count = std::ptrdiff_t;

/// Receives from a socket, without flags. @see recv(2)
export Count receive(RawHandle, std::byte* buffer, std::size_t size) noexcept;

/// Sends to a socket, without SIGPIPE. @see send(2)
export Count send(RawHandle, const std::byte* bytes, std::size_t size) noexcept;

// The following are defined only if the epoll backend is built.

/// Waits for up to `capacity` records of type `epoll_event`; `capacity` is at most INT_MAX. @see
/// epoll_wait(2)
export Count wait_epoll(RawHandle epoll, void* records, std::size_t capacity, int milliseconds) noexcept;

/// `record` is an `epoll_event`. @see epoll_ctl(2)
export Count control_epoll(RawHandle epoll, int operation, RawHandle handle, const void* record) noexcept;

/// Adds to the counter of an eventfd. @see eventfd(2)
export Count add_eventfd(RawHandle eventfd, std::uint64_t value) noexcept;

} // namespace mio::sys
