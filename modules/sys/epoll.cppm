/// @file
/// The epoll backend: Linux and Android.

module;

#include <sys/epoll.h>

export module mio.sys.epoll;

import mio.std;
import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.core.poll;
import mio.core.types;
import mio.sys.calls;
import mio.sys.selector;
import mio.sys.wakers;

namespace mio::sys::epoll {

/// The kernel's event record.
/// @see epoll_wait(2)
export using Record = ::epoll_event;

/// Maps the `events` of a Record to predicates:
///
/// | predicate    | flags                                                                    |
/// |--------------|--------------------------------------------------------------------------|
/// | readable     | EPOLLIN, EPOLLPRI, EPOLLRDHUP, EPOLLHUP or EPOLLERR                      |
/// | writable     | EPOLLOUT, EPOLLHUP or EPOLLERR                                           |
/// | priority     | EPOLLPRI                                                                 |
/// | error        | EPOLLERR                                                                 |
/// | read_closed  | EPOLLHUP or EPOLLRDHUP                                                   |
/// | write_closed | EPOLLHUP, or EPOLLOUT with EPOLLERR, or EPOLLERR and nothing else        |
///
/// aio and lio are never reported. A closed writing side is not reported for a local `shutdown(SHUT_WR)`.
///
/// A hang-up or an error makes the source ready in both directions. A record does not contain the interest,
/// so a source that is registered for one direction may be reported ready in the other one as well.
export constexpr Readiness decode(std::uint32_t events) noexcept {
    auto readiness = Readiness::none;
    if (events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) readiness |= Readiness::readable;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) readiness |= Readiness::writable;
    if (events & EPOLLPRI) readiness |= Readiness::priority;
    if (events & EPOLLERR) readiness |= Readiness::error;
    if (events & (EPOLLHUP | EPOLLRDHUP)) readiness |= Readiness::read_closed;
    if ((events & EPOLLHUP) || ((events & EPOLLOUT) && (events & EPOLLERR)) || events == EPOLLERR) {
        readiness |= Readiness::write_closed;
    }
    return readiness;
}

static_assert(decode(EPOLLIN) == Readiness::readable);
static_assert(decode(EPOLLOUT) == Readiness::writable);
static_assert(decode(EPOLLPRI) == (Readiness::readable | Readiness::priority));
static_assert(decode(EPOLLRDHUP) == (Readiness::readable | Readiness::read_closed));
static_assert(decode(EPOLLIN | EPOLLRDHUP) == (Readiness::readable | Readiness::read_closed));
static_assert(decode(EPOLLHUP)
              == (Readiness::readable | Readiness::writable | Readiness::read_closed
                  | Readiness::write_closed));
static_assert(decode(EPOLLERR)
              == (Readiness::readable | Readiness::writable | Readiness::error | Readiness::write_closed));
static_assert(decode(EPOLLIN | EPOLLERR) == (Readiness::readable | Readiness::writable | Readiness::error));
static_assert(decode(EPOLLOUT | EPOLLERR)
              == (Readiness::readable | Readiness::writable | Readiness::error | Readiness::write_closed));

// Lookup table of `decode` for every combination of the flags that it reads: an event costs one lookup and no
// branches. The multiplication moves EPOLLRDHUP next to the five low flags.
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

/// Options of a registration that only epoll has.
export struct WatchOptions {
    /// EPOLLEXCLUSIVE: if several epoll instances watch one file, such as a listener, an event wakes at least one
    /// of the threads that wait for them, and usually not all. Set it in each of the instances.
    ///
    /// The kernel refuses to change such a registration: `Registry::modify` and `renew` fail with
    /// `std::errc::invalid_argument`, and leave it as it was. It also refuses `Trigger::oneshot` and
    /// `Interest::priority`. A half-close is reported as readable only, since EPOLLRDHUP cannot be requested.
    bool is_exclusive = false;
    /// EPOLLWAKEUP: the system does not suspend from an event until the next poll. The kernel ignores it in a
    /// process without CAP_BLOCK_SUSPEND.
    bool prevents_suspend = false;

    constexpr bool operator==(const WatchOptions&) const noexcept = default;
};

/// An epoll instance. The kernel stores interests and readiness. The selector records which source was added
/// last for each descriptor number, because the kernel identifies a registration by that number.
///
/// A child of fork(2) shares the epoll instance. `forget` and the waker's destructor only end registrations of
/// the same process; `add`, `modify`, `remove` and `select` act on the shared instance.
/// @see epoll(7)
export class Selector : public SharedSelectorBase {
  public:
    using Waker = epoll::Waker;

    static constexpr std::string_view name = "epoll";
    static constexpr std::size_t record_size = sizeof(Record);
    static constexpr bool emulates_edges = false;
    static constexpr bool has_aio = false;
    static constexpr bool has_lio = false;

    struct Parts {
        OwnedHandle epoll;
        NumberedSources sources;
    };
    [[nodiscard]] static Result<Parts> open() noexcept;
    explicit Selector(Parts&& parts, Destroy destroy = &destroy_selector<Selector>) noexcept;

    [[nodiscard]] inline Result<> select(Events& events,
                                         std::optional<std::chrono::nanoseconds> timeout) noexcept {
        if (timeout) return select_for(events, *timeout);
        Record* const records = records_of(events);
        return take(events, records, wait_epoll(epoll_.get(), records, events.capacity(), -1));
    }

    [[nodiscard]] Result<std::uint64_t> add(RawHandle, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Result<> modify(RawHandle, std::uint64_t state, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Result<> renew(std::uint64_t state) noexcept;
    [[nodiscard]] Result<std::uint64_t> add_again(RawHandle, std::uint64_t state, Token, Interest,
                                                  Trigger) noexcept;
    [[nodiscard]] Result<> remove(RawHandle, std::uint64_t state) noexcept;
    [[nodiscard]] static Selector& selector_of(std::uint64_t state) noexcept;

    [[nodiscard]] inline static Result<> rearm(std::uint64_t, Interest) noexcept { return {}; }
    inline static void error_taken(std::uint64_t) noexcept {}
    static void forget(std::uint64_t state) noexcept;

    /// See `set_watch_options`.
    [[nodiscard]] Result<> set_options(RawHandle, const WatchOptions&) noexcept;
    [[nodiscard]] Result<WatchOptions> options(RawHandle) noexcept;

    [[nodiscard]] inline int raw_fd() const noexcept { return epoll_.get(); }
    [[nodiscard]] static std::string describe(const Event&);

  private:
    friend class epoll::Waker;

    [[nodiscard]] inline static Record* records_of(Events& events) noexcept {
        return reinterpret_cast<Record*>(BackendAccess::records(events));
    }
    // Decodes the records of a wait with result `count`.
    [[nodiscard]] inline Result<> take(Events& events, const Record* record, Count count) noexcept {
        if (count <= 0) [[unlikely]]
            return handle_no_events(events, count);
        BackendAccess::resize(events, static_cast<std::size_t>(count));
        auto* event = BackendAccess::slots(events);
        do {
            *event++ = Event(Token{static_cast<std::size_t>(record->data.u64)},
                             readiness_table[table_index(record->events)], record->events);
            ++record;
        } while (--count != 0);
        if (wakers_.is_any_pending()) [[unlikely]]
            return settle(events);
        return {};
    }

    // Out of line, so that the common path (no timeout, no error) does not save registers for them.
    [[nodiscard]] Result<> select_for(Events&, std::chrono::nanoseconds timeout) noexcept;
    [[nodiscard]] Result<> handle_no_events(Events&, Count) noexcept;
    [[nodiscard]] Result<> settle(const Events&) noexcept;
    [[nodiscard]] static std::unexpected<std::error_code> failure(Count code) noexcept;

    [[nodiscard]] Result<> add_waker(RawHandle eventfd, Token) noexcept;
    // `options` are those of a `NumberedSource`.
    [[nodiscard]] Result<> arm(int operation, RawHandle, Token, Interest, Trigger,
                               std::uint8_t options = 0) noexcept;
    [[nodiscard]] Result<> arm(int operation, const NumberedSource&, std::uint8_t options) noexcept;

    const OwnedHandle epoll_;
    Wakers wakers_;
    std::mutex sources_mutex_; // held during the system call of each change
    NumberedSources sources_;
};

/// An eventfd in an epoll instance. Each write causes an edge, so it is never read.
/// @see eventfd(2)
export class Waker {
  public:
    /// An eventfd that has been added to the epoll instance.
    struct Parts {
        OwnedHandle eventfd;
    };
    [[nodiscard]] static Result<Parts> open(Selector&, Token) noexcept;
    Waker(Selector&, Token, Parts&&) noexcept;
    ~Waker();

    [[nodiscard]] inline std::uint32_t begin() noexcept { return pending_.begin(); }
    [[nodiscard]] Result<> send(std::uint32_t ticket) noexcept;

  private:
    Selector& selector_; // outlives its wakers
    const OwnedHandle eventfd_;
    const std::uint16_t fork_generation_; // of the process that registered the eventfd
    PendingWake pending_; // last, so that it leaves the selector's list before the eventfd is closed
};

/// Sets the options of the registration of `handle`: of a source or of a handle without an object, added with
/// `registry`. A condition that holds is reported again.
///
/// Changing `is_exclusive` adds the handle to the epoll instance anew. Errors leave the registration unchanged,
/// except that it can be lost if the kernel is out of memory twice: `Errc::not_registered`; `invalid_argument` for
/// options that the trigger or the interest excludes; `Errc::unsupported` if `Poll` has another backend; the OS's
/// own.
/// @see epoll_ctl(2)
export [[nodiscard]] Result<> set_watch_options(const Registry& registry, RawHandle handle,
                                                const WatchOptions& options) noexcept;
/// The options of the registration of `handle`. Errors: `Errc::not_registered`; `Errc::unsupported`.
export [[nodiscard]] Result<WatchOptions> watch_options(const Registry& registry, RawHandle handle) noexcept;

/// Busy-polling parameters of an epoll instance: a wait polls the network devices of the registered sockets
/// before it sleeps. Requires a device driver with busy-polling support. Off by default.
export struct BusyPoll {
    /// Maximum duration of one busy poll; 0 or less turns it off.
    Saturating<std::chrono::microseconds> time{};
    std::uint16_t budget = 8;     ///< packets processed per queue at once; more than 64 requires privileges
    bool prefers_polling = false; ///< whether interrupts are deferred while a thread polls

    constexpr bool operator==(const BusyPoll&) const noexcept = default;
};

/// Sets the busy-polling parameters of the epoll instance `epoll`, for example the one of `Poll::raw_fd`. A
/// time above 2,147,483,647 microseconds is clamped to that value, the kernel's maximum.
///
/// Errors: `Errc::unsupported` before Linux 6.9 or on a kernel built without busy polling;
/// `operation_not_permitted` for a budget above 64 without privileges; `bad_file_descriptor` if `epoll` is
/// not open.
/// @see ioctl_eventpoll(2), EPIOCSPARAMS
export [[nodiscard]] Result<> set_busy_poll(RawHandle epoll, const BusyPoll&) noexcept;
/// @see ioctl_eventpoll(2), EPIOCGPARAMS
export [[nodiscard]] Result<BusyPoll> busy_poll(RawHandle epoll) noexcept;

} // namespace mio::sys::epoll
