module;

#include <poll.h>

#include <cstdint>
#include <ctime>

module mio.sys.poll;

import mio.std;

namespace mio::sys::poll {

/// @see ppoll(2)
int wait(Record* records, std::size_t count, std::optional<std::chrono::nanoseconds> timeout) noexcept {
    const auto size = static_cast<::nfds_t>(count);
    if (!timeout) return ::ppoll(records, size, nullptr, nullptr);
    // Waits repeatedly for at most the limit of a 32-bit time_t, 68 years.
    constexpr std::chrono::seconds most{INT32_MAX};
    for (auto left = *timeout;; left -= most) {
        const auto turn = std::min<std::chrono::nanoseconds>(left, most);
        const auto seconds = std::chrono::floor<std::chrono::seconds>(turn);
        const ::timespec limit{.tv_sec = static_cast<std::time_t>(seconds.count()),
                               .tv_nsec = static_cast<long>((turn - seconds).count())};
        const int result = ::ppoll(records, size, &limit, nullptr);
        if (result != 0 || left <= most) return result;
    }
}

} // namespace mio::sys::poll
