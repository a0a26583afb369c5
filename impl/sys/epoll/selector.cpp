module;

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>

module mio.sys.epoll;

import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.core.owned_handle;
import mio.core.types;
import mio.os;
import mio.sys.epoll.calls;
import mio.sys.selector_id;
import mio.sys.wakers;

namespace mio::sys::epoll {
namespace {

// `decode` for every combination of the flags that are asked for or come unasked, so that an event costs a look-up and
// no branches. The index folds EPOLLRDHUP beside the five low flags, and no other flag is ever reported.
constexpr std::size_t table_index(std::uint32_t events) noexcept { return (events | events >> 8) & 0x3f; }
static_assert((EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLERR | EPOLLHUP) == 0x1f && EPOLLRDHUP >> 8 == 0x20);

constexpr auto readiness_table = [] {
    std::array<std::uint64_t, 64> table{};
    for (std::uint32_t index = 0; index < table.size(); ++index) {
        table[index] = Event::pack(decode((index & 0x1f) | (index & 0x20) << 8));
    }
    return table;
}();

Result<std::uint32_t> encode(Interest interest, Trigger trigger) noexcept {
    if (interest.is_aio() || interest.is_lio()) return std::unexpected(make_error_code(Errc::unsupported));
    std::uint32_t events = 0;
    if (interest.is_readable()) events |= EPOLLIN | EPOLLRDHUP;
    if (interest.is_writable()) events |= EPOLLOUT;
    if (interest.is_priority()) events |= EPOLLPRI;
    if (trigger == Trigger::edge) events |= EPOLLET;
    if (trigger == Trigger::oneshot) events |= EPOLLONESHOT;
    return events;
}

std::unexpected<std::error_code> fail(int answer) noexcept {
    return std::unexpected(std::error_code(-answer, std::system_category()));
}

Result<> change(RawHandle epoll, int operation, RawHandle handle, Token token, Interest interest,
                Trigger trigger) noexcept {
    const auto events = encode(interest, trigger);
    if (!events) return std::unexpected(events.error());
    ::epoll_event record{};
    record.events = *events;
    record.data.u64 = token.value;
    if (const int answer = control(epoll, operation, handle, &record); answer < 0) return fail(answer);
    return {};
}

// Whole milliseconds, rounded up, for a kernel that cannot count finer.
int to_milliseconds(std::chrono::nanoseconds timeout) noexcept {
    const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
    return static_cast<int>(std::min<std::int64_t>(milliseconds, INT_MAX));
}

std::atomic<bool> has_pwait2 = true;

// The C library has no wrapper everywhere; the kernel's own time structure has 64-bit members everywhere. Answers a
// negative `errno` value for a failure.
int wait_precisely(RawHandle epoll, ::epoll_event* records, int capacity,
                   std::chrono::nanoseconds timeout) noexcept {
    struct {
        std::int64_t seconds;
        std::int64_t nanoseconds;
    } const limit{timeout.count() / 1'000'000'000, timeout.count() % 1'000'000'000};
    const auto count = ::syscall(SYS_epoll_pwait2, epoll, records, capacity, &limit, nullptr, std::size_t{0});
    return count == -1 ? -errno : static_cast<int>(count);
}

int wait_for(RawHandle epoll, ::epoll_event* records, int capacity,
             std::chrono::nanoseconds timeout) noexcept {
    if (timeout.count() <= 0) return wait(epoll, records, capacity, 0);
    if (has_pwait2.load(std::memory_order_relaxed)) {
        const int count = wait_precisely(epoll, records, capacity, timeout);
        // ENOSYS: Linux before 5.11. EPERM, which the call itself never gives: a sandbox from before it.
        if (count != -ENOSYS && count != -EPERM) return count;
        has_pwait2.store(false, std::memory_order_relaxed);
    }
    return wait(epoll, records, capacity, to_milliseconds(timeout));
}

::epoll_event* records_of(Events& events) noexcept {
    return reinterpret_cast<::epoll_event*>(events.records());
}

// More than the kernel takes, or none, is the kernel's to refuse: so the usual case has nothing to ask.
int capacity_of(const Events& events) noexcept { return static_cast<int>(events.capacity()); }

// What it takes at the most, EP_MAX_EVENTS.
constexpr std::size_t most = INT_MAX / sizeof(::epoll_event);

} // namespace

Result<Selector::Parts> Selector::open() noexcept {
    auto epoll = os::check_handle(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll) return std::unexpected(epoll.error());
    return Parts{std::move(*epoll)};
}

Selector::Selector(Parts&& parts) noexcept : epoll_(std::move(parts.epoll)), id_(next_selector_id()) {}

Result<> Selector::select(Events& events, std::optional<std::chrono::nanoseconds> timeout) noexcept {
    const int code = timeout ? wait_for(events, *timeout) : wait(events);
    if (code == 0) return {};
    events.clear();
    return std::unexpected(std::error_code(code, std::system_category()));
}

// What a busy loop goes through: it calls nothing and saves no registers.
int Selector::wait(Events& events) noexcept {
    const int count = epoll::wait(epoll_.get(), records_of(events), capacity_of(events), -1);
    if (count < 0) [[unlikely]]
        return fail_to_wait(events, std::nullopt, -count);
    return take(events, count);
}

int Selector::wait_for(Events& events, std::chrono::nanoseconds timeout) noexcept {
    const int count = epoll::wait_for(epoll_.get(), records_of(events), capacity_of(events), timeout);
    if (count < 0) [[unlikely]]
        return fail_to_wait(events, timeout, -count);
    return take(events, count);
}

// Tries again with as many as the kernel takes, if that was what it refused.
int Selector::fail_to_wait(Events& events, std::optional<std::chrono::nanoseconds> timeout, int code) noexcept {
    if (code != EINVAL || events.capacity() <= most) return code;
    constexpr int capacity = static_cast<int>(most);
    const int count = timeout ? epoll::wait_for(epoll_.get(), records_of(events), capacity, *timeout)
                              : epoll::wait(epoll_.get(), records_of(events), capacity, -1);
    return count < 0 ? -count : take(events, count);
}

int Selector::take(Events& events, int count) noexcept {
    const auto* record = records_of(events);
    auto left = static_cast<unsigned>(count);
    for (auto* event = events.fill(left); left != 0; --left, ++event, ++record) {
        const std::uint32_t flags = record->events;
        *event = Event(Token{static_cast<std::size_t>(record->data.u64)}, readiness_table[table_index(flags)],
                       flags);
    }
    if (wakers_.has_pending()) [[unlikely]]
        return settle(events);
    return 0;
}

Result<std::uint64_t> Selector::add(RawHandle handle, Token token, Interest interest,
                                    Trigger trigger) noexcept {
    if (auto added = change(epoll_.get(), EPOLL_CTL_ADD, handle, token, interest, trigger); !added) [[unlikely]]
        return std::unexpected(added.error());
    return id_;
}

Result<> Selector::modify(RawHandle handle, std::uint64_t, Token token, Interest interest,
                          Trigger trigger) noexcept {
    return change(epoll_.get(), EPOLL_CTL_MOD, handle, token, interest, trigger);
}

Result<> Selector::remove(RawHandle handle, std::uint64_t) noexcept {
    if (const int answer = control(epoll_.get(), EPOLL_CTL_DEL, handle, nullptr); answer < 0) [[unlikely]]
        return fail(answer);
    return {};
}

} // namespace mio::sys::epoll
