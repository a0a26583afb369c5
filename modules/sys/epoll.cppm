/// @file
/// The epoll backend: Linux and Android.

module;

#include <sys/epoll.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

export module mio.sys.epoll;

import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.core.owned_handle;
import mio.core.types;
import mio.sys.epoll_calls;
import mio.sys.selector;
import mio.sys.wakers;

namespace mio::sys::epoll {

/// What the kernel writes for each event.
/// @see epoll_wait(2)
export using Record = ::epoll_event;

/// What a Record's `events` mean, as a set of predicates:
///
/// | predicate    | flags                                                                    |
/// |--------------|--------------------------------------------------------------------------|
/// | readable     | EPOLLIN or EPOLLPRI                                                      |
/// | writable     | EPOLLOUT                                                                 |
/// | priority     | EPOLLPRI                                                                 |
/// | error        | EPOLLERR                                                                 |
/// | read_closed  | EPOLLHUP, or EPOLLIN with EPOLLRDHUP                                     |
/// | write_closed | EPOLLHUP, or EPOLLOUT with EPOLLERR, or EPOLLERR and nothing else        |
///
/// aio and lio are never reported. A closed writing side is not reported for a local `shutdown(SHUT_WR)`.
export constexpr Readiness decode(std::uint32_t events) noexcept {
    auto readiness = Readiness::none;
    if (events & (EPOLLIN | EPOLLPRI)) readiness |= Readiness::readable;
    if (events & EPOLLOUT) readiness |= Readiness::writable;
    if (events & EPOLLPRI) readiness |= Readiness::priority;
    if (events & EPOLLERR) readiness |= Readiness::error;
    if ((events & EPOLLHUP) || ((events & EPOLLIN) && (events & EPOLLRDHUP)))
        readiness |= Readiness::read_closed;
    if ((events & EPOLLHUP) || ((events & EPOLLOUT) && (events & EPOLLERR)) || events == EPOLLERR) {
        readiness |= Readiness::write_closed;
    }
    return readiness;
}

static_assert(decode(EPOLLIN) == Readiness::readable);
static_assert(decode(EPOLLOUT) == Readiness::writable);
static_assert(decode(EPOLLPRI) == (Readiness::readable | Readiness::priority));
static_assert(decode(EPOLLRDHUP) == Readiness::none);
static_assert(decode(EPOLLIN | EPOLLRDHUP) == (Readiness::readable | Readiness::read_closed));
static_assert(decode(EPOLLHUP) == (Readiness::read_closed | Readiness::write_closed));
static_assert(decode(EPOLLERR) == (Readiness::error | Readiness::write_closed));
static_assert(decode(EPOLLIN | EPOLLERR) == (Readiness::readable | Readiness::error));
static_assert(decode(EPOLLOUT | EPOLLERR)
              == (Readiness::writable | Readiness::error | Readiness::write_closed));

// `decode` for every combination of the flags that it reads, so that an event costs a look-up and no branches. A product
// brings EPOLLRDHUP beside the five low flags.
constexpr std::uint32_t decoded_flags = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDHUP;
constexpr std::size_t table_index(std::uint32_t events) noexcept {
    constexpr std::uint32_t low_flags_to_26 = 1u << 26;
    constexpr std::uint32_t read_hang_up_to_31 = 1u << 18;
    return (events & decoded_flags) * (low_flags_to_26 | read_hang_up_to_31) >> 26;
}
static_assert(decoded_flags == 0x201f, "the table's index relies on these flags");

inline constexpr auto readiness_table = [] {
    std::array<Readiness, 64> table{};
    for (std::uint32_t low = 0; low < 0x20; ++low) {
        table[table_index(low)] = decode(low);
        table[table_index(low | EPOLLRDHUP)] = decode(low | EPOLLRDHUP);
    }
    return table;
}();

export class Waker;

/// One epoll instance. The kernel keeps interests and readiness. The selector knows which source was added last with a
/// descriptor's number, since the kernel identifies a registration by that number.
/// @see epoll(7)
export class Selector : public SharedSelectorBase {
  public:
    using Waker = epoll::Waker;

    static constexpr std::string_view name = "epoll";
    static constexpr std::size_t record_size = sizeof(Record);

    struct Parts {
        OwnedHandle epoll;
        NumberedSources sources;
    };
    [[nodiscard]] static Result<Parts> open() noexcept;
    explicit Selector(Parts&& parts) noexcept;

    [[nodiscard]] inline Result<> select(Events& events,
                                         std::optional<std::chrono::nanoseconds> timeout) noexcept {
        if (timeout) return select_for(events, *timeout);
        const auto count = wait_for_ever(events);
        if (count < 0) [[unlikely]]
            return failure(static_cast<int>(count));
        events.resize(static_cast<std::size_t>(count));
        return {};
    }
    /// As `select` without a timeout; answers how many events there are, which the caller has to tell `events`, or an
    /// error's code, negative.
    [[nodiscard]] inline std::int64_t wait_for_ever(Events& events) noexcept {
        auto* const records = records_of(events);
        const auto count = wait(epoll_.get(), records, events.capacity(), -1);
        if (count <= 0) [[unlikely]]
            return wait_on(events, count);
        return take(events, records, count);
    }

    [[nodiscard]] Result<std::uint64_t> add(RawHandle, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Result<> modify(RawHandle, std::uint64_t state, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Result<> remove(RawHandle, std::uint64_t state) noexcept;
    [[nodiscard]] static Selector& selector_of(std::uint64_t state) noexcept;

    [[nodiscard]] inline static Result<> rearm(std::uint64_t, Interest) noexcept { return {}; }
    inline static void error_taken(std::uint64_t) noexcept {}
    static void forget(std::uint64_t state) noexcept;

    inline void begin_spin() noexcept { wakers_.begin_spin(); }
    [[nodiscard]] inline bool has_wake_pending() const noexcept { return wakers_.is_woken(); }
    void end_spin(Events&) noexcept;

    /// @see ioctl_eventpoll(2)
    [[nodiscard]] Result<> set_busy_poll(const BusyPoll&) noexcept;
    [[nodiscard]] Result<BusyPoll> busy_poll() const noexcept;

    [[nodiscard]] inline int raw_fd() const noexcept { return epoll_.get(); }
    [[nodiscard]] static std::string describe(const Event&);

  private:
    friend class epoll::Waker;

    [[nodiscard]] inline static Record* records_of(Events& events) noexcept {
        return reinterpret_cast<Record*>(events.records());
    }
    [[nodiscard]] static std::unexpected<std::error_code> failure(int code) noexcept;
    [[nodiscard]] Result<> select_for(Events&, std::chrono::nanoseconds timeout) noexcept;
    [[nodiscard]] std::int64_t wait_on(Events&, std::int64_t answer) noexcept;
    [[nodiscard]] std::int64_t settle(Events&, std::int64_t count) noexcept;

    // The records of a wait, of which there is at least one, become events. Answers how many.
    [[nodiscard]] inline std::int64_t take(Events& events, const Record* record,
                                           std::int64_t count) noexcept {
        const Record* const end = record + count;
        auto* event = events.slots();
        do {
            event->fill(record->events, readiness_table[table_index(record->events)]);
            event->name(Token{static_cast<std::size_t>(record->data.u64)});
            ++event;
        } while (++record != end);
        if (wakers_.is_any_pending()) [[unlikely]]
            return settle(events, count);
        return count;
    }

    [[nodiscard]] Result<> add_waker(RawHandle eventfd, Token) noexcept;
    [[nodiscard]] Result<> arm(int operation, RawHandle, Token, Interest, Trigger) noexcept;

    const OwnedHandle epoll_;
    Wakers wakers_;
    std::mutex sources_mutex_; // held across the system call that belongs to a change
    NumberedSources sources_;
};

/// An eventfd in an epoll instance. Each write is an edge, so that it need not be read.
/// @see eventfd(2)
export class Waker : PendingWake {
  public:
    /// The eventfd, already added to the epoll instance.
    struct Parts {
        OwnedHandle eventfd;
    };
    [[nodiscard]] static Result<Parts> open(Selector&, Token) noexcept;
    Waker(Selector&, Token, Parts&&) noexcept;

    [[nodiscard]] Result<> wake() noexcept;

  private:
    friend class Selector;

    [[nodiscard]] Result<> tell() noexcept;

    const OwnedHandle eventfd_;
};

} // namespace mio::sys::epoll
