module;

#include <poll.h>

#include <chrono>
#include <climits>
#include <cstddef>
#include <optional>

module mio.sys.poll.wait;

namespace mio::sys::poll {

/// Whole milliseconds, rounded up: for systems without ppoll.
/// @see poll(2)
int wait(::pollfd* records, std::size_t count, std::optional<std::chrono::nanoseconds> timeout) noexcept {
    const auto size = static_cast<::nfds_t>(count);
    if (!timeout) return ::poll(records, size, -1);
    // In turns of the most that can be counted: 24 days.
    constexpr std::chrono::milliseconds most{INT_MAX};
    auto left = *timeout;
    for (; left > most; left -= most) {
        if (const int answer = ::poll(records, size, INT_MAX); answer != 0) return answer;
    }
    return ::poll(records, size, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count()));
}

} // namespace mio::sys::poll
