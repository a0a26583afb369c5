// Alarm: a kqueue that holds one timer. A kqueue is readable while it has events.
module;

#include <sys/types.h>
// Some systems need the above first.
#include <sys/event.h>
#include <sys/time.h>

#include <cerrno>
#include <ctime>

#include <fcntl.h>

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

// The unit of a delay: NetBSD before 10 and OpenBSD before 7.3 have milliseconds only.
#if defined(NOTE_NSECONDS)
constexpr unsigned unit_flag = NOTE_NSECONDS;
constexpr std::int64_t unit = 1;
#else
constexpr unsigned unit_flag = 0;
constexpr std::int64_t unit = 1'000'000;
#endif
// macOS delays timers to let several expire together, unless they are marked as critical.
#if defined(NOTE_CRITICAL)
constexpr unsigned precise_flag = NOTE_CRITICAL;
#else
constexpr unsigned precise_flag = 0;
#endif
// Longer delays do not fit the types of some kernels. Such an alarm is early, and is armed again then.
constexpr std::chrono::nanoseconds longest = std::chrono::hours(24 * 24);

Result<> change(RawHandle queue, unsigned short flags, std::int64_t delay) noexcept {
    struct ::kevent change{};
    EV_SET(&change, 0, EVFILT_TIMER, flags, unit_flag | precise_flag, (delay + unit - 1) / unit, nullptr);
    if (::kevent(queue, &change, 1, nullptr, 0, nullptr) == -1) return last_error();
    return {};
}

} // namespace

Result<Alarm> Alarm::create() noexcept {
    OwnedHandle queue(::kqueue());
    if (queue.get() == -1) return last_error();
    if (::fcntl(queue.get(), F_SETFD, FD_CLOEXEC) == -1) return last_error();
    return Alarm(queue.take());
}

Result<> Alarm::arm(Instant deadline) noexcept {
    // A deadline that has passed may have been reported already: it is set again.
    if (deadline_ == deadline && Clock::now() < deadline) return {};
    const auto now = Clock::now();
    const Clock::time_point end = std::min<Clock::time_point>(deadline, after(now, longest));
    // EV_ADD replaces the timer and takes back its event. @see kevent(2)
    if (const auto done = change(raw(), EV_ADD | EV_ONESHOT, end > now ? (end - now).count() : 0); !done)
        return done;
    deadline_ = end;
    exhausted(Interest::readable); // for backends that emulate edges
    return {};
}

Result<> Alarm::disarm() noexcept {
    if (!deadline_) return {};
    if (const auto done = change(raw(), EV_DELETE, 0); !done) return done;
    deadline_.reset();
    exhausted(Interest::readable);
    return {};
}

} // namespace mio::time
