module;

#include <poll.h>

#include <climits>

module mio.sys.poll;

import mio.std;

namespace mio::sys::poll {

/// Rounds up to whole milliseconds, for systems without ppoll.
/// @see poll(2)
int wait(Record* records, std::size_t count, std::optional<std::chrono::nanoseconds> timeout) noexcept {
    const auto size = static_cast<::nfds_t>(count);
    if (!timeout) return ::poll(records, size, -1);
    // Waits repeatedly for at most the limit of 24 days.
    constexpr std::chrono::milliseconds most{INT_MAX};
    auto left = *timeout;
    for (; left > most; left -= most) {
        if (const int result = ::poll(records, size, INT_MAX); result != 0) return result;
    }
    return ::poll(records, size,
                  static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count()));
}

} // namespace mio::sys::poll
