module;

#include <sys/types.h>

#include <fcntl.h>
#include <sys/event.h>

#include <bit>
#include <cerrno>
#include <climits>
#include <ctime>

module mio.sys.kqueue;

import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.core.types;
import mio.os;
import mio.os.fork;
import mio.std;
import mio.sys.kqueue.changes;
import mio.sys.selector;
import mio.sys.wakers;

namespace mio::sys::kqueue {
namespace {

using Clock = std::chrono::steady_clock;

// aio and lio need no filter: the program registers them itself, with a sigevent that contains the kqueue's
// descriptor.
bool is_watchable(Interest interest) noexcept {
    return !interest.is_priority() && (!interest.is_aio() || Selector::has_aio)
           && (!interest.is_lio() || Selector::has_lio);
}

unsigned flags_of(Trigger trigger) noexcept {
    switch (trigger) {
    case Trigger::edge: return EV_CLEAR;
    case Trigger::level: return 0;
    case Trigger::oneshot: return EV_ONESHOT;
    }
    return 0;
}

// Some kernels reject longer times; this also fits a 32-bit time_t.
constexpr std::chrono::seconds longest_wait{100'000'000};

int wait(RawHandle kqueue, Record* records, Count capacity,
         std::optional<std::chrono::nanoseconds> timeout) noexcept {
    if (!timeout) return ::kevent(kqueue, nullptr, 0, records, capacity, nullptr);
    for (auto left = *timeout;; left -= longest_wait) {
        const auto turn = std::clamp<std::chrono::nanoseconds>(left, {}, longest_wait);
        const auto seconds = std::chrono::floor<std::chrono::seconds>(turn);
        const ::timespec limit{.tv_sec = static_cast<std::time_t>(seconds.count()),
                               .tv_nsec = static_cast<long>((turn - seconds).count())};
        const int count = ::kevent(kqueue, nullptr, 0, records, capacity, &limit);
        if (count != 0 || left <= longest_wait) return count;
    }
}

Event event_of(const Record& record, Token token) noexcept {
    return Event(token, decode(record.filter, record.flags, record.fflags),
                 static_cast<std::uint32_t>(record.fflags), static_cast<std::uint16_t>(record.flags),
                 static_cast<std::int8_t>(record.filter));
}

std::unexpected<std::error_code> fail(int code) noexcept {
    return std::unexpected(std::error_code(code, os_category()));
}

} // namespace

Result<Selector::Parts> Selector::open() noexcept {
    if (auto counted = os::count_forks(); !counted) return std::unexpected(counted.error());
    auto kqueue = os::check_handle(::kqueue());
    if (!kqueue) return std::unexpected(kqueue.error());
    auto marked = os::check(::fcntl(kqueue->get(), F_SETFD, FD_CLOEXEC));
    if (!marked) return std::unexpected(marked.error());
    NumberedSources sources;
    // Preallocates for the first sources.
    if (!sources.make_room_for(kqueue->get())) return fail(ENOMEM);
    return Parts{.kqueue = std::move(*kqueue), .sources = std::move(sources)};
}

Selector::Selector(Parts&& parts, Destroy destroy) noexcept
    : SharedSelectorBase(destroy), kqueue_(std::move(parts.kqueue)), fork_generation_(os::fork_generation()),
      sources_(std::move(parts.sources)) {}

Selector::~Selector() {
    if (is_inherited()) static_cast<void>(kqueue_.take());
}

bool Selector::is_inherited() const noexcept { return fork_generation_ != os::fork_generation(); }

Result<> Selector::select(Events& events, std::optional<std::chrono::nanoseconds> timeout) noexcept {
    events.clear();
    if (events.capacity() == 0) return std::unexpected(make_error_code(Errc::no_capacity));
    auto* const records = reinterpret_cast<Record*>(BackendAccess::records(events));
    const auto capacity = static_cast<Count>(std::min<std::size_t>(events.capacity(), INT_MAX));
    auto left = timeout;
    const bool has_deadline = timeout && timeout->count() > 0 && *timeout < longest_wait;
    const auto deadline = has_deadline ? Clock::now() + *timeout : Clock::time_point();
    // Repeats waits that return only reports of replaced registrations.
    while (true) {
        const int count = wait(kqueue_.get(), records, capacity, left);
        if (count == -1) return std::unexpected(os::last_error());
        const std::span batch(records, static_cast<std::size_t>(count));
        ++batch_;
        for (const auto& record : batch) {
            if ((record.flags & EV_ONESHOT) != 0) {
                report_oneshot(record, events);
            } else {
                BackendAccess::push(events,
                                    event_of(record, Token{std::bit_cast<std::size_t>(record.udata)}));
            }
        }
        wakers_.settle([batch](std::uint64_t ident) {
            return std::ranges::any_of(batch, [ident](const Record& record) {
                return record.ident == ident && record.filter == Waker::filter;
            });
        });
        if (!events.empty() || count == 0) return {};
        if (has_deadline) left = std::max<std::chrono::nanoseconds>(deadline - Clock::now(), {});
    }
}

// The first filter reported ends the registration; the other one is merged into its event if it is in the same
// batch.
void Selector::report_oneshot(const Record& record, Events& events) noexcept {
    const std::scoped_lock lock(oneshots_.mutex);
    const auto handle = static_cast<RawHandle>(record.ident);
    const auto number = std::bit_cast<std::size_t>(record.udata);
    if (!oneshots_.issued(number)) { // set by the kernel itself
        BackendAccess::push(events, event_of(record, Token{number}));
        return;
    }
    auto* const entry = oneshots_.find(handle);
    if (entry == nullptr || !entry->is_oneshot || entry->registration != number) return; // replaced
    const auto event = event_of(record, entry->token);
    if (entry->batch == batch_) {
        const auto& first = events[entry->event];
        BackendAccess::slots(events)[entry->event] =
            Event(entry->token, first.readiness() | event.readiness(), first.raw_flags() | event.raw_flags(),
                  static_cast<std::uint16_t>(first.raw_detail() | event.raw_detail()), first.raw_filter());
        return;
    }
    entry->batch = batch_;
    entry->event = events.size();
    if (!entry->has_two_filters) return BackendAccess::push(events, event);
    // Both filters are deleted, so an error is reported for both directions.
    const auto both = event.is_error() ? Readiness::readable | Readiness::writable : Readiness::none;
    BackendAccess::push(events, Event(entry->token, event.readiness() | both, event.raw_flags(),
                                      event.raw_detail(), event.raw_filter()));
    Changes changes;
    changes.drop(record.ident, record.filter == EVFILT_READ ? EVFILT_WRITE : EVFILT_READ);
    // Fails only if the handle was closed meanwhile, which deleted the filter.
    static_cast<void>(changes.submit(kqueue_.get()));
}

Result<std::uint64_t> Selector::add(RawHandle handle, Token token, Interest interest,
                                    Trigger trigger) noexcept {
    if (!is_watchable(interest)) return std::unexpected(make_error_code(Errc::unsupported));
    const std::scoped_lock lock(oneshots_.mutex);
    // The table grows only for open descriptors; the number of an invalid one can be arbitrarily large.
    if (handle < 0 || (!sources_.has_room_for(handle) && ::fcntl(handle, F_GETFD) == -1)) return fail(EBADF);
    if (!sources_.make_room_for(handle)) return fail(ENOMEM);
    if (auto armed = arm(handle, token, interest, trigger, false); !armed) {
        // One filter may have been added before the other failed.
        static_cast<void>(disarm(handle));
        return std::unexpected(armed.error());
    }
    return state_of(sources_.attach(*this, handle, token, interest, trigger));
}

Result<std::uint64_t> Selector::add_again(RawHandle handle, std::uint64_t state, Token token,
                                          Interest interest, Trigger trigger) noexcept {
    {
        const std::scoped_lock lock(oneshots_.mutex);
        if (may_exist(source_of<NumberedSource>(state)))
            return std::unexpected(make_error_code(Errc::already_registered));
    }
    auto added = add(handle, token, interest, trigger);
    if (added) forget(state);
    return added;
}

// Whether the kernel has one of the source's filters. A one-shot that was reported has none, nor does an interest
// without filters: their registration is assumed to exist. EV_ENABLE has no effect on an enabled filter; some kernels
// check its condition again, and store the token.
bool Selector::may_exist(const NumberedSource& source) noexcept {
    if (!source.is_attached) return false;
    auto token = source.token;
    if (source.trigger == Trigger::oneshot) {
        const auto* const entry = oneshots_.find(source.handle);
        if (entry->batch != 0) return true;
        token = entry->registration;
    }
    if (!source.interest.is_readable() && !source.interest.is_writable()) return true;
    Changes changes;
    changes.add(static_cast<std::uintmax_t>(source.handle),
                source.interest.is_readable() ? EVFILT_READ : EVFILT_WRITE, EV_ENABLE, Token{token});
    const auto enabled = changes.submit(kqueue_.get());
    return enabled.has_value();
}

Result<> Selector::modify(RawHandle, std::uint64_t state, Token token, Interest interest,
                          Trigger trigger) noexcept {
    if (!is_watchable(interest)) return std::unexpected(make_error_code(Errc::unsupported));
    const std::scoped_lock lock(oneshots_.mutex);
    auto& source = source_of<NumberedSource>(state);
    if (!source.is_attached) return std::unexpected(make_error_code(Errc::not_registered));
    auto modified = replace(source, token, interest, trigger);
    if (modified) source.watch(token, interest, trigger);
    return modified;
}

Result<> Selector::renew(std::uint64_t state) noexcept {
    const std::scoped_lock lock(oneshots_.mutex);
    auto& source = source_of<NumberedSource>(state);
    if (!source.is_attached) return std::unexpected(make_error_code(Errc::not_registered));
    return replace(source, Token{source.token}, source.interest, source.trigger);
}

// A replaced filter is deleted before it is added again; otherwise it would keep its original trigger.
Result<> Selector::arm(RawHandle handle, Token token, Interest interest, Trigger trigger,
                       bool replaces) noexcept {
    oneshots_.end(handle);
    if (trigger == Trigger::oneshot) {
        if (!oneshots_.make_room_for(handle)) return fail(ENOMEM);
        token = oneshots_.begin(handle, token, interest);
    }
    const auto ident = static_cast<std::uintmax_t>(handle);
    Changes changes;
    const auto change = [&](Filter filter, bool is_wanted) {
        if (replaces) changes.drop(ident, filter);
        if (is_wanted) changes.add(ident, filter, EV_ADD | flags_of(trigger), token);
    };
    change(EVFILT_WRITE, interest.is_writable());
    change(EVFILT_READ, interest.is_readable());
    return changes.submit(kqueue_.get());
}

// Replaces the source's filters. If that fails, such as with ENOMEM, the previous ones are added again: one of them may
// have been deleted, or replaced.
Result<> Selector::replace(NumberedSource& source, Token token, Interest interest, Trigger trigger) noexcept {
    const auto* const entry = oneshots_.find(source.handle);
    const auto before = entry != nullptr ? *entry : Oneshots::Entry();
    auto armed = arm(source.handle, token, interest, trigger, true);
    if (armed) return armed;
    if (before.is_oneshot && before.batch != 0) { // a one-shot that was reported has no filters
        static_cast<void>(disarm(source.handle));
        *oneshots_.find(source.handle) = before;
    } else {
        static_cast<void>(arm(source.handle, Token{source.token}, source.interest, source.trigger, true));
    }
    return armed;
}

Result<> Selector::disarm(RawHandle handle) noexcept {
    oneshots_.end(handle);
    const auto ident = static_cast<std::uintmax_t>(handle);
    Changes changes;
    changes.drop(ident, EVFILT_WRITE);
    changes.drop(ident, EVFILT_READ);
    return changes.submit(kqueue_.get());
}

Result<> Selector::remove(RawHandle, std::uint64_t state) noexcept {
    const std::scoped_lock lock(oneshots_.mutex);
    auto& source = source_of<NumberedSource>(state);
    if (source.is_attached && !is_inherited()) {
        if (auto disarmed = disarm(source.handle); !disarmed) return disarmed;
    }
    sources_.drop(source);
    return {};
}

Selector& Selector::selector_of(std::uint64_t state) noexcept {
    return static_cast<Selector&>(*source_of<NumberedSource>(state).selector);
}

void Selector::forget(std::uint64_t state) noexcept {
    auto& source = source_of<NumberedSource>(state);
    auto& selector = selector_of(state);
    // A thread that does not exist in the child may hold the lock. The state is freed with the selector.
    if (selector.is_inherited()) return;
    const std::scoped_lock lock(selector.oneshots_.mutex);
    if (source.is_attached) static_cast<void>(selector.disarm(source.handle));
    selector.sources_.drop(source);
}

// Only the waker closes its pipe, so the number needs no state.
Result<> Selector::add_waker(RawHandle receiver, Token token) noexcept {
    const std::scoped_lock lock(oneshots_.mutex);
    auto added = arm(receiver, token, Interest::readable, Trigger::edge, false);
    if (added) sources_.displace(receiver);
    return added;
}

void Selector::remove_waker(RawHandle receiver) noexcept {
    if (is_inherited()) return;
    const std::scoped_lock lock(oneshots_.mutex);
    static_cast<void>(disarm(receiver));
}

} // namespace mio::sys::kqueue
