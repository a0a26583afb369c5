module;

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <optional>

module mio.sys.poll.wait;

namespace mio::sys::poll {

/// @see ppoll(2)
int wait(::pollfd* records, std::size_t count, std::optional<std::chrono::nanoseconds> timeout) noexcept {
    if (!timeout) return ::ppoll(records, static_cast<::nfds_t>(count), nullptr, nullptr);
    // Not longer than a 32-bit time_t can count.
    const auto limited = std::min<std::chrono::nanoseconds>(*timeout, std::chrono::seconds(INT32_MAX));
    const auto seconds = std::chrono::floor<std::chrono::seconds>(limited);
    const ::timespec limit{.tv_sec = static_cast<std::time_t>(seconds.count()),
                           .tv_nsec = static_cast<long>((limited - seconds).count())};
    return ::ppoll(records, static_cast<::nfds_t>(count), &limit, nullptr);
}

} // namespace mio::sys::poll
