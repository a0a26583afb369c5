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
import mio.sys.selector_id;
import mio.sys.wakers;

namespace mio::sys::epoll {
namespace {

// `decode` for every combination of the flags it reads, so that an event costs a look-up and no branches.
// The index packs EPOLLRDHUP beside the five low flags.
constexpr std::size_t table_index(std::uint32_t events) noexcept {
    return (events & 0x1f) | (events & EPOLLRDHUP) >> 8;
}
static_assert((EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLERR | EPOLLHUP) == 0x1f && EPOLLRDHUP >> 8 == 0x20);

constexpr auto readiness_table = [] {
    std::array<Readiness, 64> table{};
    for (std::uint32_t index = 0; index < table.size(); ++index) {
        table[index] = decode((index & 0x1f) | (index & 0x20) << 8);
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

Result<> control(RawHandle epoll, int operation, RawHandle handle, Token token, Interest interest,
                 Trigger trigger) noexcept {
    const auto events = encode(interest, trigger);
    if (!events) return std::unexpected(events.error());
    ::epoll_event record{};
    record.events = *events;
    record.data.u64 = token.value;
    return os::check(::epoll_ctl(epoll, operation, handle, &record));
}

// Whole milliseconds, rounded up, for a kernel that cannot count finer.
int to_milliseconds(std::chrono::nanoseconds timeout) noexcept {
    const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
    return static_cast<int>(std::min<std::int64_t>(milliseconds, INT_MAX));
}

std::atomic<bool> has_pwait2 = true;

// The C library has no wrapper everywhere; the kernel's own time structure has 64-bit members everywhere.
int wait_precisely(RawHandle epoll, ::epoll_event* records, int capacity,
                   std::chrono::nanoseconds timeout) noexcept {
    struct {
        std::int64_t seconds;
        std::int64_t nanoseconds;
    } const limit{timeout.count() / 1'000'000'000, timeout.count() % 1'000'000'000};
    return static_cast<int>(
        ::syscall(SYS_epoll_pwait2, epoll, records, capacity, &limit, nullptr, std::size_t{0}));
}

int wait_for(RawHandle epoll, ::epoll_event* records, int capacity,
             std::chrono::nanoseconds timeout) noexcept {
    if (timeout.count() <= 0) return ::epoll_wait(epoll, records, capacity, 0);
    if (has_pwait2.load(std::memory_order_relaxed)) {
        const int count = wait_precisely(epoll, records, capacity, timeout);
        // ENOSYS: Linux before 5.11. EPERM, which the call itself never gives: a sandbox from before it.
        if (count != -1 || (errno != ENOSYS && errno != EPERM)) return count;
        has_pwait2.store(false, std::memory_order_relaxed);
    }
    return ::epoll_wait(epoll, records, capacity, to_milliseconds(timeout));
}

} // namespace

Result<Selector::Parts> Selector::open() noexcept {
    auto epoll = os::check_handle(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll) return std::unexpected(epoll.error());
    return Parts{std::move(*epoll)};
}

Selector::Selector(Parts&& parts) noexcept : epoll_(std::move(parts.epoll)), id_(next_selector_id()) {}

Result<> Selector::select(Events& events, std::optional<std::chrono::nanoseconds> timeout) noexcept {
    events.clear();
    auto* records = reinterpret_cast<::epoll_event*>(events.records());
    const auto capacity =
        std::min<std::size_t>(events.capacity(), INT_MAX / sizeof(::epoll_event)); // EP_MAX_EVENTS
    const int count = timeout ? wait_for(epoll_.get(), records, static_cast<int>(capacity), *timeout)
                              : ::epoll_wait(epoll_.get(), records, static_cast<int>(capacity), -1);
    if (count == -1) [[unlikely]]
        return std::unexpected(os::last_error());
    for (const auto* record = records; record != records + count; ++record) {
        const std::uint32_t flags = record->events;
        events.push(Event(Token{static_cast<std::size_t>(record->data.u64)},
                          readiness_table[table_index(flags)], flags));
    }
    // A user's source may share a waker's token and be taken for it.
    wakers_.settle([&events](std::uint64_t token) {
        return std::ranges::any_of(events, [token](const Event& event) {
            return event.token().value == token && event.raw_flags() == EPOLLIN;
        });
    });
    return {};
}

Result<std::uint64_t> Selector::add(RawHandle handle, Token token, Interest interest,
                                    Trigger trigger) noexcept {
    if (auto added = control(epoll_.get(), EPOLL_CTL_ADD, handle, token, interest, trigger); !added) {
        return std::unexpected(added.error());
    }
    return id_;
}

Result<> Selector::modify(RawHandle handle, std::uint64_t, Token token, Interest interest,
                          Trigger trigger) noexcept {
    return control(epoll_.get(), EPOLL_CTL_MOD, handle, token, interest, trigger);
}

Result<> Selector::remove(RawHandle handle, std::uint64_t) noexcept {
    return os::check(::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, handle, nullptr));
}

} // namespace mio::sys::epoll
