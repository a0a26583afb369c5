/// @file
/// A wait for a time, on the bare calls, where there is no ppoll: whole milliseconds.

module;

#include <poll.h>

#include <chrono>
#include <cstddef>

export module probe.bench.poll_wait;

namespace probe::bench {

export inline int wait(::pollfd* records, std::size_t count, std::chrono::nanoseconds time) noexcept {
    const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(time);
    return ::poll(records, static_cast<::nfds_t>(count), static_cast<int>(milliseconds.count()));
}

} // namespace probe::bench
