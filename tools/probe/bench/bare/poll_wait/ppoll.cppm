/// @file
/// A wait for a time shorter than a millisecond, on the bare calls: ppoll.

module;

#include <poll.h>

#include <chrono>
#include <cstddef>
#include <ctime>

export module probe.bench.poll_wait;

namespace probe::bench {

export inline int wait(::pollfd* records, std::size_t count, std::chrono::nanoseconds time) noexcept {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    const ::timespec limit{.tv_sec = static_cast<std::time_t>(seconds.count()),
                           .tv_nsec = static_cast<long>((time - seconds).count())};
    return ::ppoll(records, static_cast<::nfds_t>(count), &limit, nullptr);
}

} // namespace probe::bench
