module;

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

module mio.sys.epoll;

import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.core.types;
import mio.os;
import mio.os.fork;
import mio.std;
import mio.sys.calls;
import mio.sys.selector;
import mio.sys.wakers;

namespace mio::sys::epoll {
namespace {

// Rounds up to whole milliseconds, for kernels without finer resolution. The timeout is at most INT_MAX
// milliseconds.
int to_milliseconds(std::chrono::nanoseconds timeout) noexcept {
    return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(timeout).count());
}

std::atomic<bool> has_pwait2 = true;

// Not every C library has a wrapper; the kernel's time structure has 64-bit members on every architecture.
int wait_precisely(RawHandle epoll, Record* records, std::size_t capacity,
                   std::chrono::nanoseconds timeout) noexcept {
    struct {
        std::int64_t seconds;
        std::int64_t nanoseconds;
    } const limit{timeout.count() / 1'000'000'000, timeout.count() % 1'000'000'000};
    return static_cast<int>(::syscall(SYS_epoll_pwait2, epoll, records, static_cast<int>(capacity), &limit,
                                      nullptr, std::size_t{0}));
}

Count wait_for(RawHandle epoll, Record* records, std::size_t capacity,
               std::chrono::nanoseconds timeout) noexcept {
    if (timeout.count() <= 0) return wait_epoll(epoll, records, capacity, 0);
    if (has_pwait2.load(std::memory_order_relaxed)) {
        const int count = wait_precisely(epoll, records, capacity, timeout);
        // ENOSYS: Linux before 5.11. EPERM, which the call never returns itself: a sandbox older than the call.
        if (count != -1) return count;
        if (errno != ENOSYS && errno != EPERM) return -errno;
        has_pwait2.store(false, std::memory_order_relaxed);
    }
    // Waits repeatedly for at most epoll_wait's limit of 24 days.
    constexpr std::chrono::milliseconds most{INT_MAX};
    for (; timeout > most; timeout -= most) {
        if (const auto count = wait_epoll(epoll, records, capacity, INT_MAX); count != 0) return count;
    }
    return wait_epoll(epoll, records, capacity, to_milliseconds(timeout));
}

// The kernel's EP_MAX_EVENTS.
constexpr std::size_t most_records = INT_MAX / sizeof(Record);

// Options of a `NumberedSource`.
constexpr std::uint8_t is_exclusive = 1;
constexpr std::uint8_t prevents_suspend = 2;
constexpr std::uint8_t all_options = is_exclusive | prevents_suspend;

bool is_watchable(Interest interest) noexcept { return !interest.is_aio() && !interest.is_lio(); }

std::unexpected<std::error_code> out_of_memory() noexcept {
    return std::unexpected(std::error_code(ENOMEM, os_category()));
}

// Whether EPOLL_CTL_DEL failed because the registration no longer exists: the descriptor was closed (EBADF), or its
// number belongs to a file that is not registered (ENOENT), cannot be (EPERM), or is the epoll instance (EINVAL).
// @see epoll_ctl(2)
bool is_gone(Count code) noexcept {
    return code == -EBADF || code == -ENOENT || code == -EPERM || code == -EINVAL;
}

} // namespace

Result<Selector::Parts> Selector::open() noexcept {
    if (auto counted = os::count_forks(); !counted) return std::unexpected(counted.error());
    auto epoll = os::check_handle(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll) return std::unexpected(epoll.error());
    NumberedSources sources;
    // Preallocates for the first sources.
    if (!sources.make_room_for(epoll->get())) return out_of_memory();
    return Parts{.epoll = std::move(*epoll), .sources = std::move(sources)};
}

Selector::Selector(Parts&& parts, Destroy destroy) noexcept
    : SharedSelectorBase(destroy), epoll_(std::move(parts.epoll)), sources_(std::move(parts.sources)) {}

std::unexpected<std::error_code> Selector::failure(Count code) noexcept {
    return std::unexpected(std::error_code(static_cast<int>(-code), os_category()));
}

Result<> Selector::arm(int operation, RawHandle handle, Token token, Interest interest, Trigger trigger,
                       std::uint8_t options) noexcept {
    std::uint32_t flags = 0;
    if (interest.is_readable()) flags |= EPOLLIN | EPOLLRDHUP;
    if (interest.is_writable()) flags |= EPOLLOUT;
    if (interest.is_priority()) flags |= EPOLLPRI;
    if (trigger == Trigger::edge) flags |= EPOLLET;
    if (trigger == Trigger::oneshot) flags |= EPOLLONESHOT;
    if (options != 0) [[unlikely]] {
        if ((options & prevents_suspend) != 0) flags |= EPOLLWAKEUP;
        // The kernel refuses EPOLLRDHUP together with EPOLLEXCLUSIVE.
        if ((options & is_exclusive) != 0) flags = (flags & ~std::uint32_t{EPOLLRDHUP}) | EPOLLEXCLUSIVE;
    }
    Record record{};
    record.events = flags;
    record.data.u64 = token.value;
    if (const auto code = control_epoll(epoll_.get(), operation, handle, &record); code != 0) [[unlikely]]
        return failure(code);
    return {};
}

Result<> Selector::arm(int operation, const NumberedSource& source, std::uint8_t options) noexcept {
    return arm(operation, source.handle, Token{source.token}, source.interest, source.trigger, options);
}

Result<std::uint64_t> Selector::add(RawHandle handle, Token token, Interest interest,
                                    Trigger trigger) noexcept {
    if (!is_watchable(interest)) [[unlikely]]
        return std::unexpected(make_error_code(Errc::unsupported));
    const std::scoped_lock lock(sources_mutex_);
    // The table grows only for open descriptors; the number of an invalid one can be arbitrarily large.
    if (handle < 0 || (!sources_.has_room_for(handle) && ::fcntl(handle, F_GETFD) == -1)) [[unlikely]]
        return failure(-EBADF);
    if (!sources_.make_room_for(handle)) [[unlikely]]
        return out_of_memory();
    if (auto added = arm(EPOLL_CTL_ADD, handle, token, interest, trigger); !added) [[unlikely]]
        return std::unexpected(added.error());
    return state_of(sources_.attach(*this, handle, token, interest, trigger, os::fork_generation()));
}

// The kernel accepts another registration for the number only if the earlier one is gone.
Result<std::uint64_t> Selector::add_again(RawHandle handle, std::uint64_t state, Token token,
                                          Interest interest, Trigger trigger) noexcept {
    auto added = add(handle, token, interest, trigger);
    if (added) {
        forget(state);
    } else if (added.error() == std::error_code(EEXIST, os_category())) {
        const std::scoped_lock lock(sources_mutex_);
        if (source_of<NumberedSource>(state).is_attached)
            return std::unexpected(make_error_code(Errc::already_registered));
    }
    return added;
}

Result<> Selector::modify(RawHandle, std::uint64_t state, Token token, Interest interest,
                          Trigger trigger) noexcept {
    if (!is_watchable(interest)) [[unlikely]]
        return std::unexpected(make_error_code(Errc::unsupported));
    const std::scoped_lock lock(sources_mutex_);
    auto& source = source_of<NumberedSource>(state);
    if (!source.is_attached) [[unlikely]]
        return std::unexpected(make_error_code(Errc::not_registered));
    auto modified = arm(EPOLL_CTL_MOD, source.handle, token, interest, trigger, source.options);
    if (modified) [[likely]]
        source.watch(token, interest, trigger);
    return modified;
}

Result<> Selector::renew(std::uint64_t state) noexcept {
    const std::scoped_lock lock(sources_mutex_);
    const auto& source = source_of<NumberedSource>(state);
    if (!source.is_attached) [[unlikely]]
        return std::unexpected(make_error_code(Errc::not_registered));
    return arm(EPOLL_CTL_MOD, source, source.options);
}

Result<> Selector::set_options(RawHandle handle, const WatchOptions& wanted) noexcept {
    const std::scoped_lock lock(sources_mutex_);
    auto* const source = sources_.find(handle);
    if (source == nullptr) return std::unexpected(make_error_code(Errc::not_registered));
    const auto before = source->options;
    const auto options = static_cast<std::uint8_t>((wanted.is_exclusive ? is_exclusive : 0)
                                                   | (wanted.prevents_suspend ? prevents_suspend : 0));
    if (((before | options) & is_exclusive) == 0) {
        auto modified = arm(EPOLL_CTL_MOD, *source, options);
        if (modified) source->options = options & all_options;
        return modified;
    }
    // The kernel does not change EPOLLEXCLUSIVE of a registration. Invalid options are detected before it is replaced.
    if (wanted.is_exclusive && (source->trigger == Trigger::oneshot || source->interest.is_priority()))
        return failure(-EINVAL);
    if (const auto code = control_epoll(epoll_.get(), EPOLL_CTL_DEL, handle, nullptr); code != 0)
        return failure(code);
    auto added = arm(EPOLL_CTL_ADD, *source, options);
    if (added) {
        source->options = options & all_options;
    } else if (!arm(EPOLL_CTL_ADD, *source, before)) {
        sources_.displace(handle);
    }
    return added;
}

Result<WatchOptions> Selector::options(RawHandle handle) noexcept {
    const std::scoped_lock lock(sources_mutex_);
    const auto* const source = sources_.find(handle);
    if (source == nullptr) return std::unexpected(make_error_code(Errc::not_registered));
    return WatchOptions{.is_exclusive = (source->options & is_exclusive) != 0,
                        .prevents_suspend = (source->options & prevents_suspend) != 0};
}

Result<> Selector::remove(RawHandle, std::uint64_t state) noexcept {
    const std::scoped_lock lock(sources_mutex_);
    auto& source = source_of<NumberedSource>(state);
    if (source.is_attached) [[likely]] {
        const auto code = control_epoll(epoll_.get(), EPOLL_CTL_DEL, source.handle, nullptr);
        if (code != 0 && !is_gone(code)) [[unlikely]]
            return failure(code);
    }
    sources_.drop(source);
    return {};
}

Selector& Selector::selector_of(std::uint64_t state) noexcept {
    return static_cast<Selector&>(*source_of<NumberedSource>(state).selector);
}

void Selector::forget(std::uint64_t state) noexcept {
    auto& source = source_of<NumberedSource>(state);
    // The registration belongs to the parent. A thread that does not exist in the child may hold the lock. The state is
    // freed with the selector.
    if (source.fork_generation != os::fork_generation()) [[unlikely]]
        return;
    auto& selector = selector_of(state);
    const std::scoped_lock lock(selector.sources_mutex_);
    if (source.is_attached) control_epoll(selector.epoll_.get(), EPOLL_CTL_DEL, source.handle, nullptr);
    selector.sources_.drop(source);
}

// Only the waker closes its eventfd, so the number needs no state.
Result<> Selector::add_waker(RawHandle eventfd, Token token) noexcept {
    const std::scoped_lock lock(sources_mutex_);
    auto added = arm(EPOLL_CTL_ADD, eventfd, token, Interest::readable, Trigger::edge);
    if (added) sources_.displace(eventfd);
    return added;
}

Result<> Selector::select_for(Events& events, std::chrono::nanoseconds timeout) noexcept {
    const auto capacity = std::min(events.capacity(), most_records);
    auto* const records = records_of(events);
    return take(events, records, wait_for(epoll_.get(), records, capacity, timeout));
}

// `select` lets the kernel check the capacity; only this function handles a capacity above the kernel's limit.
Result<> Selector::handle_no_events(Events& events, Count count) noexcept {
    events.clear();
    if (count == 0) return {};
    if (events.capacity() == 0) return std::unexpected(make_error_code(Errc::no_capacity));
    if (count == -EINVAL && events.capacity() > most_records) {
        auto* const records = records_of(events);
        return take(events, records, wait_epoll(epoll_.get(), records, most_records, -1));
    }
    return failure(count);
}

Result<> Selector::settle(const Events& events) noexcept {
    // A source with the waker's token may be mistaken for it.
    wakers_.settle([&events](std::uint64_t token) {
        return std::ranges::any_of(events, [token](const Event& event) {
            return event.token().value == token && event.raw_flags() == EPOLLIN;
        });
    });
    return {};
}

} // namespace mio::sys::epoll
