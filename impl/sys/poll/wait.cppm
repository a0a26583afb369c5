/// @file
/// The blocking system call. Internal.

module;

#include <poll.h>

#include <chrono>
#include <cstddef>
#include <optional>

export module mio.sys.poll.wait;

namespace mio::sys::poll {

/// Waits until one of `count` records is ready, at most for `timeout` (not negative; none: indefinitely), of any
/// length, as precisely as the system can and never shorter. Returns poll(2)'s result.
export int wait(::pollfd* records, std::size_t count,
                std::optional<std::chrono::nanoseconds> timeout) noexcept;

} // namespace mio::sys::poll
