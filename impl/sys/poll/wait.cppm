/// @file
/// The system call that waits. For bodies only.

module;

#include <poll.h>

#include <chrono>
#include <cstddef>
#include <optional>

export module mio.sys.poll.wait;

namespace mio::sys::poll {

/// Waits until one of `count` records is ready, at the longest for `timeout` (not negative; for ever without
/// one): as precisely as the system can, and never shorter. Answers as poll(2) does.
export int wait(::pollfd* records, std::size_t count,
                std::optional<std::chrono::nanoseconds> timeout) noexcept;

} // namespace mio::sys::poll
