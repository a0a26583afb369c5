module;

#include <poll.h>
#ifdef __linux__
#include <sys/epoll.h>
#endif
#include <sys/stat.h>

#include <cerrno>

module mio.sys.poll;

import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.core.types;
import mio.os;
import mio.os.wakeup;
import mio.std;
import mio.sys.selector;
import mio.sys.wakers;

namespace mio::sys::poll {

using Clock = std::chrono::steady_clock;

/// A source is in the table from `add` until `remove` or `forget`, or, if its handle is closed while registered,
/// until the kernel reports that or another source is added with the same number. It exists as long as a
/// `Registration` refers to it.
struct Source : RingNode {
    Source(Selector& owner, RawHandle watched, const struct ::stat& file, Token reported_with,
           Interest wanted, Trigger how) noexcept
        : RingNode(false), selector(owner), handle(watched), device(file.st_dev), inode(file.st_ino),
          interest(wanted), trigger(how) {
        watch(reported_with, wanted, how);
    }

    /// Resets the edge state: every condition that holds is reported again.
    void watch(Token reported_with, Interest wanted, Trigger how) noexcept {
        token = reported_with;
        interest = wanted;
        trigger = how;
        armed = flags_of(wanted);
        reported = 0;
        is_disarmed = false;
    }

    [[nodiscard]] static short flags_of(Interest interest) noexcept {
        short flags = 0;
        if (interest.is_readable()) flags |= POLLIN | read_hang_up;
        if (interest.is_writable()) flags |= POLLOUT;
        if (interest.is_priority()) flags |= POLLPRI;
        return flags;
    }

    [[nodiscard]] bool is_of(const struct ::stat& file) const noexcept {
        return device == file.st_dev && inode == file.st_ino;
    }

    Selector& selector;
    const RawHandle handle;
    // device and inode differ if the number was reused for another file; see `has_own_inode`
    const ::dev_t device;
    const ::ino_t inode;
    Token token;
    Interest interest;
    Trigger trigger;
    bool is_attached = true;
    bool is_disarmed = false; // a one-shot that was reported
    bool is_repeat = false;   // holds no condition besides those already reported
    short armed = 0;          // the flags to request
    short reported = 0;       // implicit flags that were reported and still held when last checked
    std::size_t record = 0;   // index in the current wait's list; 0 is the receiver: not in the list
};

namespace {

// The kernel reports these flags without a request, and again while they hold.
constexpr short implicit_flags = POLLHUP | POLLERR;

template <class F> void for_each_source(RingNode& ring, F&& f) {
    for (auto* node = ring.next; node != &ring; node = node->next) {
        if (!node->is_waker) f(static_cast<Source&>(*node));
    }
}

bool is_watchable(Interest interest) noexcept { return !interest.is_aio() && !interest.is_lio(); }

std::unexpected<std::error_code> fail(int code) noexcept {
    return std::unexpected(std::error_code(code, os_category()));
}

// Whether device and inode identify the file. All anonymous Linux files (eventfd, timerfd, signalfd, epoll, inotify)
// share one inode; some systems have none for sockets. @see anon_inode_getfd, eventfd(2)
bool has_own_inode(const struct ::stat& file) noexcept {
    return (file.st_mode & S_IFMT) != 0 && file.st_ino != 0;
}

bool is_urgent(RawHandle handle) noexcept {
    Record record{.fd = handle, .events = POLLPRI, .revents = 0};
    return ::poll(&record, 1, 0) == 1 && (record.revents & POLLPRI) != 0;
}

// Fails with EPERM, like epoll, for a file that cannot be polled: poll(2) reports it as always ready.
Result<> check_pollable(RawHandle handle, const struct ::stat& file) noexcept {
    if (S_ISSOCK(file.st_mode) || S_ISFIFO(file.st_mode)) return {};
#ifdef __linux__
    // Whether a device or a file of /proc or /sys can be polled depends on its driver. poll(2) does not distinguish
    // a file without poll support from one that is ready; epoll does.
    // @see epoll_ctl(2)
    const auto probe = os::check_handle(::epoll_create1(EPOLL_CLOEXEC));
    if (probe) {
        ::epoll_event event{};
        const int added = ::epoll_ctl(probe->get(), EPOLL_CTL_ADD, handle, &event);
        // EBADF: a descriptor opened with O_PATH. Other errors concern epoll, not the file.
        if (added == -1 && (errno == EPERM || errno == EBADF)) return fail(errno);
        return {};
    }
    // The kernel or a sandbox does not provide epoll.
    const bool has_no_epoll = probe.error() == std::errc::function_not_supported
                              || probe.error() == std::errc::operation_not_permitted;
    if (!has_no_epoll) return std::unexpected(probe.error());
#endif
    if (S_ISREG(file.st_mode) || S_ISDIR(file.st_mode) || S_ISBLK(file.st_mode)) return fail(EPERM);
    // Apple's systems refuse devices, terminals included on some of them.
    // @see poll(2)
    Record record{.fd = handle, .events = 0, .revents = 0};
    if (::poll(&record, 1, 0) == 1 && (record.revents & POLLNVAL) != 0) return fail(EPERM);
    return {};
}

// None if there is no timeout, or if the deadline is not representable, which amounts to the same.
std::optional<Clock::time_point> deadline_after(std::optional<std::chrono::nanoseconds> timeout) noexcept {
    if (!timeout) return std::nullopt;
    const auto now = Clock::now();
    if (*timeout > Clock::time_point::max() - now) return std::nullopt;
    return now + *timeout;
}

} // namespace

Result<std::unique_ptr<Table>> Table::create() noexcept {
    auto wakeup = os::open_wakeup();
    if (!wakeup) return std::unexpected(wakeup.error());
    std::unique_ptr<Table> table(new (std::nothrow)
                                     Table(std::move(wakeup->receiver), std::move(wakeup->sender)));
    if (table == nullptr || !table->make_room_for(0)) return fail(ENOMEM);
    return table;
}

Result<> Table::select(Events& events, std::optional<std::chrono::nanoseconds> timeout) noexcept {
    events.clear();
    if (events.capacity() == 0) return std::unexpected(make_error_code(Errc::no_capacity));
    constexpr std::chrono::nanoseconds none{0};
    if (timeout && *timeout < none) timeout = none;
    auto left = timeout;
    std::optional<Clock::time_point> deadline;
    if (timeout && *timeout > none) deadline = deadline_after(timeout);

    // Repeats waits that end without an event: after an interruption, or when only removed sources were ready.
    while (true) {
        const auto count = begin_wait();
        const bool is_woken = woken_.load(std::memory_order_seq_cst); // see `wake`
        const int result = wait(records_.get(), count, is_woken ? none : left);
        const int code = errno;
        end_wait();
        if (result == -1) return fail(code);
        collect(events);
        if (!events.empty()) return {};
        if (timeout == none || (result == 0 && !is_woken && timeout)) return {};
        if (deadline) left = std::max(none, std::chrono::nanoseconds(*deadline - Clock::now()));
    }
}

// Builds the list of the wait: all sources except reported one-shots and those that could only repeat their last
// report.
std::size_t Table::begin_wait() noexcept {
    const std::scoped_lock lock(mutex_);
    if (next_records_) records_ = std::move(next_records_);
    recheck_reported();
    std::size_t count = 0;
    records_[count++] = {.fd = receiver_.get(), .events = POLLIN, .revents = 0};
    for_each_source(ring_, [&](Source& source) {
        if (source.is_disarmed || source.is_repeat) return;
        source.record = count;
        records_[count++] = {.fd = source.handle, .events = source.armed, .revents = 0};
    });
    is_waiting_.store(true, std::memory_order_seq_cst);
    return count;
}

// A hang-up or an error is reported once, and again only after it was cleared, so it is checked before each wait.
// While no other condition that is watched holds, the source is left out of the wait, which it would end at once.
void Table::recheck_reported() noexcept {
    std::size_t count = 0;
    for_each_source(ring_, [&](Source& source) {
        source.record = 0;
        source.is_repeat = false;
        if (source.reported == 0) return;
        source.record = count;
        records_[count++] = {.fd = source.handle, .events = source.armed, .revents = 0};
    });
    if (count == 0) return;
    ::poll(records_.get(), static_cast<::nfds_t>(count), 0);
    for_each_source(ring_, [&](Source& source) {
        if (source.reported == 0) return;
        const short holds = records_[std::exchange(source.record, 0)].revents;
        source.reported &= holds;
        source.is_repeat = source.reported != 0 && source.reported == holds;
    });
}

void Table::end_wait() noexcept {
    is_waiting_.store(false, std::memory_order_relaxed);
    if (records_[0].revents == 0) return;
    // In this order: if another thread finds the interruption already sent after the descriptor was drained,
    // `collect` and the next wait still see its changes.
    os::drain(receiver_);
    interruption_.take();
}

// Reported nodes move to the end of the ring, so that those that do not fit come first next time.
void Table::collect(Events& events) noexcept {
    const std::scoped_lock lock(mutex_);
    const bool is_woken = woken_.exchange(false, std::memory_order_seq_cst);
    auto* const last = ring_.previous;
    for (auto* node = ring_.next; last != &ring_;) {
        if (events.size() == events.capacity()) {
            if (is_woken) woken_.store(true, std::memory_order_relaxed); // a pending waker may follow
            return;
        }
        auto* const following = node->next;
        bool is_reported = false;
        if (!node->is_waker) {
            is_reported = report(static_cast<Source&>(*node), events);
        } else if (is_woken) {
            auto& waker = static_cast<Waker&>(*node);
            is_reported = waker.pending_.take();
            if (is_reported) BackendAccess::push(events, Event(waker.token_, Readiness::readable, POLLIN));
        }
        if (is_reported) {
            node->unlink();
            node->link_before(ring_);
        }
        if (node == last) return;
        node = following;
    }
}

// Returns true if the source was in the wait's list and had an event.
bool Table::report(Source& source, Events& events) noexcept {
    const auto record = std::exchange(source.record, 0);
    if (record == 0) return false;
    const short flags = records_[record].revents;
    if (flags == 0) return false;
    if ((flags & POLLNVAL) != 0) { // the handle was closed; other backends forget it automatically
        detach(source);
        return false;
    }
    BackendAccess::push(
        events, Event(source.token, decode(flags, source.interest), static_cast<std::uint16_t>(flags)));
    if (source.trigger == Trigger::level) return true;
    source.is_disarmed = source.trigger == Trigger::oneshot;
    source.armed = static_cast<short>(source.armed & ~flags);
    source.reported = static_cast<short>(source.reported | (flags & implicit_flags));
    return true;
}

// Interrupts the wait after a change, with the mutex held or after it was held: see `begin_wait`.
Result<> Table::interrupt() noexcept {
    if (!is_waiting_.load(std::memory_order_seq_cst)) return {};
    const auto ticket = interruption_.begin();
    if (ticket == 0) return {};
    auto signalled = os::signal(receiver_, sender_);
    if (signalled) interruption_.sent(ticket);
    return signalled;
}

Result<Source*> Table::add(Selector& selector, RawHandle handle, Token token, Interest interest,
                           Trigger trigger) noexcept {
    if (!is_watchable(interest)) return std::unexpected(Errc::unsupported);
    struct ::stat file{};
    if (::fstat(handle, &file) == -1) return std::unexpected(os::last_error());
    const auto pollable = check_pollable(handle, file);

    const std::scoped_lock lock(mutex_);
    if (!make_room_for(handle)) return fail(ENOMEM);
    auto*& place = *by_handle_.find(handle);
    if (place != nullptr) {
        // Otherwise the handle was closed and its number reused. This is assumed for files that share an inode: the
        // newer source replaces the older one.
        if (place->is_of(file) && has_own_inode(file)) return fail(EEXIST);
        detach(*place);
    }
    if (!pollable) return std::unexpected(pollable.error());
    auto* source = new (std::nothrow) Source(selector, handle, file, token, interest, trigger);
    if (source == nullptr) return fail(ENOMEM);
    if (auto interrupted = interrupt(); !interrupted) {
        delete source;
        return std::unexpected(interrupted.error());
    }
    place = source;
    source->link_before(ring_);
    ++count_;
    return source;
}

// Reserves space for one more source. With the mutex held; a wait in progress keeps its list.
bool Table::make_room_for(RawHandle handle) noexcept {
    if (!by_handle_.make_room_for(handle)) return false;
    const auto needed = count_ + 2; // the receiver, and the new source
    if (needed > capacity_) {
        const auto size = std::max<std::size_t>(needed, capacity_ * 2);
        std::unique_ptr<Record[]> larger(new (std::nothrow) Record[size]);
        if (!larger) return false;
        next_records_ = std::move(larger);
        capacity_ = size;
    }
    return true;
}

Result<> Table::modify(Source& source, Token token, Interest interest, Trigger trigger) noexcept {
    if (!is_watchable(interest)) return std::unexpected(Errc::unsupported);
    const std::scoped_lock lock(mutex_);
    return watch(source, token, interest, trigger);
}

Result<> Table::renew(Source& source) noexcept {
    const std::scoped_lock lock(mutex_);
    return watch(source, source.token, source.interest, source.trigger);
}

bool Table::may_watch(const Source& source) noexcept {
    const std::scoped_lock lock(mutex_);
    struct ::stat file{};
    return source.is_attached && ::fstat(source.handle, &file) == 0 && source.is_of(file);
}

// With the mutex held.
Result<> Table::watch(Source& source, Token token, Interest interest, Trigger trigger) noexcept {
    // A handle that is closed has the same error before and after a wait that found it closed.
    struct ::stat file{};
    if (::fstat(source.handle, &file) == -1) return std::unexpected(os::last_error());
    if (!source.is_attached) return std::unexpected(make_error_code(Errc::not_registered));
    if (!source.is_of(file)) { // the handle was closed, and its number reused
        detach(source);
        return std::unexpected(make_error_code(Errc::not_registered));
    }
    if (auto interrupted = interrupt(); !interrupted) return interrupted;
    source.watch(token, interest, trigger);
    source.record = 0; // the current wait uses the interest that this replaces
    return {};
}

void Table::forget(Source& source) noexcept {
    {
        const std::scoped_lock lock(mutex_);
        if (source.is_attached) detach(source);
    }
    delete &source;
}

Selector& Table::selector_of(const Source& source) noexcept { return source.selector; }

// With the mutex held.
void Table::detach(Source& source) noexcept {
    source.unlink();
    source.is_attached = false;
    *by_handle_.find(source.handle) = nullptr;
    --count_;
    // The kernel holds the file during a wait: until the wait ends, closing the handle does not close the
    // connection.
    static_cast<void>(interrupt());
}

Result<> Table::rearm(Source& source, Interest blocked) noexcept {
    const std::scoped_lock lock(mutex_);
    if (!source.is_attached || source.trigger != Trigger::edge) return {};
    auto wanted = static_cast<short>(Source::flags_of(blocked) & Source::flags_of(source.interest));
    // Urgent data that was reported but not read would be reported again by every wait.
    if (blocked.is_readable() && source.interest.is_priority() && !is_urgent(source.handle))
        wanted |= POLLPRI;
    if ((source.armed & wanted) == wanted && source.reported == 0) return {};
    if (auto interrupted = interrupt(); !interrupted) return interrupted;
    source.armed |= wanted;
    return {};
}

void Table::error_taken(Source& source) noexcept {
    const std::scoped_lock lock(mutex_);
    if (std::exchange(source.reported, 0) != 0) static_cast<void>(interrupt());
}

void Table::link(Waker& waker) noexcept {
    const std::scoped_lock lock(mutex_);
    waker.link_before(ring_);
}

void Table::unlink(Waker& waker) noexcept {
    const std::scoped_lock lock(mutex_);
    waker.unlink();
}

// No wake is lost, although a system call is made only while a thread waits: the waker sets `woken_`, then reads
// `is_waiting_`; `select` sets `is_waiting_`, then reads `woken_`. In the single total order of these four
// operations at least one thread sees the other's store. See `end_wait` for wakes that coincide with an earlier
// interruption.
Result<> Table::wake() noexcept {
    // An exchange: a plain store would break another waker's release sequence.
    woken_.exchange(true, std::memory_order_seq_cst);
    return interrupt();
}

} // namespace mio::sys::poll
