/// @file
/// The system call that waits. For bodies only.

module;

#include <poll.h>

#include <chrono>
#include <cstddef>
#include <optional>

export module mio.sys.poll.wait;

namespace mio::sys::poll {

/// Waits until one of `count` records is ready, at most for `timeout` (not negative; without one, for ever), however
/// long it is: as precisely as the system can, and never shorter. Returns what poll(2) returns.
export int wait(::pollfd* records, std::size_t count,
                std::optional<std::chrono::nanoseconds> timeout) noexcept;

} // namespace mio::sys::poll
