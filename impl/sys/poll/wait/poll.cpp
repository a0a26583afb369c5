module;

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <optional>

module mio.sys.poll.wait;

namespace mio::sys::poll {

/// Whole milliseconds, rounded up: for systems without ppoll.
/// @see poll(2)
int wait(::pollfd* records, std::size_t count, std::optional<std::chrono::nanoseconds> timeout) noexcept {
    const auto milliseconds = timeout ? std::chrono::ceil<std::chrono::milliseconds>(*timeout).count() : -1;
    return ::poll(records, static_cast<::nfds_t>(count),
                  static_cast<int>(std::min<std::int64_t>(milliseconds, INT_MAX)));
}

} // namespace mio::sys::poll
