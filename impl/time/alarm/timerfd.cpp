// Alarm: a timerfd. Unlike the timeout of a wait, it is not subject to the thread's timer slack.
module;

#include <sys/timerfd.h>

#include <cerrno>
#include <ctime>

module mio.time;

import mio.core.error;
import mio.core.handle;
import mio.core.types;
import mio.std;

namespace mio::time {
namespace {

std::unexpected<std::error_code> last_error() noexcept {
    return std::unexpected(std::error_code(errno, os_category()));
}

// Steady clock is CLOCK_MONOTONIC in libstdc++ and libc++.
Result<> set(RawHandle handle, std::int64_t nanoseconds) noexcept {
    using Seconds = std::numeric_limits<decltype(::timespec::tv_sec)>;
    constexpr std::int64_t second = 1'000'000'000;
    const std::int64_t seconds = nanoseconds / second;
    ::itimerspec value{};
    if (seconds > Seconds::max()) {
        value.it_value.tv_sec = Seconds::max();
    } else {
        value.it_value.tv_sec = static_cast<decltype(value.it_value.tv_sec)>(seconds);
        value.it_value.tv_nsec = static_cast<decltype(value.it_value.tv_nsec)>(nanoseconds % second);
    }
    if (::timerfd_settime(handle, TFD_TIMER_ABSTIME, &value, nullptr) == -1) return last_error();
    return {};
}

} // namespace

Result<Alarm> Alarm::create() noexcept {
    const int handle = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (handle == -1) return last_error();
    return Alarm(handle);
}

Result<> Alarm::arm(Instant deadline) noexcept {
    // A deadline that has passed may have been reported already: it is set again.
    if (deadline_ == deadline && Clock::now() < deadline) return {};
    // Zero would disarm it, and a negative time is an error.
    const auto time = deadline.time_since_epoch().count();
    if (const auto done = set(raw(), time > 0 ? time : 1); !done) return done;
    deadline_ = deadline;
    exhausted(Interest::readable); // for backends that emulate edges
    return {};
}

Result<> Alarm::disarm() noexcept {
    if (!deadline_) return {};
    if (const auto done = set(raw(), 0); !done) return done;
    deadline_.reset();
    exhausted(Interest::readable);
    return {};
}

} // namespace mio::time
