/// @file
/// The poll(2) backend: every POSIX system.

module;

#include <poll.h>
#include <sys/types.h>

export module mio.sys.poll;

import mio.std;
import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.core.types;
import mio.sys.selector;
import mio.sys.wakers;

namespace mio::sys::poll {

/// The kernel's record of a source.
/// @see poll(2)
export using Record = ::pollfd;

/// The flag for a peer that has shut down writing. Systems without it report a half-close as readable only.
#ifdef POLLRDHUP
export constexpr short read_hang_up = POLLRDHUP;
#else
export constexpr short read_hang_up = 0;
#endif

/// Maps the `revents` of a source that is watched for `interest` to predicates:
///
/// | predicate    | flags                                                                           |
/// |--------------|---------------------------------------------------------------------------------|
/// | readable     | POLLIN, POLLPRI, POLLRDHUP; POLLHUP, POLLERR with readable or priority interest |
/// | writable     | POLLOUT; POLLHUP, POLLERR with writable interest                                |
/// | priority     | POLLPRI                                                                         |
/// | error        | POLLERR                                                                         |
/// | read_closed  | POLLHUP or POLLRDHUP                                                            |
/// | write_closed | POLLHUP, or POLLOUT with POLLERR, or POLLERR and nothing else                   |
///
/// aio and lio are never reported. A hang-up or an error makes the source ready in each direction of the
/// interest, even without the flag of that direction: a direction that has been reported is not polled for.
export constexpr Readiness decode(short revents, Interest interest) noexcept {
    const auto has = [revents](int flags) { return (revents & flags) != 0; };
    auto readiness = Readiness::none;
    const bool has_failed = has(POLLHUP | POLLERR);
    const bool reads = interest.is_readable() || interest.is_priority();
    if (has(POLLIN | POLLPRI | read_hang_up) || (has_failed && reads)) readiness |= Readiness::readable;
    if (has(POLLOUT) || (has_failed && interest.is_writable())) readiness |= Readiness::writable;
    if (has(POLLPRI)) readiness |= Readiness::priority;
    if (has(POLLERR)) readiness |= Readiness::error;
    if (has(POLLHUP | read_hang_up)) readiness |= Readiness::read_closed;
    if (has(POLLHUP) || (has(POLLOUT) && has(POLLERR)) || revents == POLLERR)
        readiness |= Readiness::write_closed;
    return readiness;
}

static_assert(decode(POLLIN, Interest::readable) == Readiness::readable);
static_assert(decode(POLLOUT, Interest::writable) == Readiness::writable);
static_assert(decode(POLLPRI, Interest::priority) == (Readiness::readable | Readiness::priority));
static_assert(decode(POLLHUP, Interest::readable)
              == (Readiness::readable | Readiness::read_closed | Readiness::write_closed));
static_assert(decode(POLLERR, Interest::writable)
              == (Readiness::writable | Readiness::error | Readiness::write_closed));
static_assert(decode(POLLHUP, Interest::priority)
              == (Readiness::readable | Readiness::read_closed | Readiness::write_closed));

export class Selector;
export class Waker;

/// Waits until one of `count` records is ready, at most for `timeout` (not negative; none: indefinitely), of any
/// length, as precisely as the system can and never shorter. Returns poll(2)'s result.
int wait(Record* records, std::size_t count, std::optional<std::chrono::nanoseconds> timeout) noexcept;

/// A registered handle: the state of a `Registration`, and the conversion of poll's levels to edges.
struct Source;

/// The registered sources and wakers, and the wait for them.
///
/// A change never blocks on the polling thread. Each wait uses its own list, built under the mutex. A change
/// that affects a wait in progress interrupts it, and the wait restarts with a new list.
class Table {
  public:
    [[nodiscard]] static Result<std::unique_ptr<Table>> create() noexcept;
    Table(const Table&) = delete;
    Table& operator=(const Table&) = delete;

    [[nodiscard]] Result<> select(Events&, std::optional<std::chrono::nanoseconds> timeout) noexcept;

    [[nodiscard]] Result<Source*> add(Selector&, RawHandle, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Result<> modify(Source&, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Result<> renew(Source&) noexcept;
    /// Whether the source still watches its handle, as far as device and inode show.
    [[nodiscard]] bool may_watch(const Source&) noexcept;
    [[nodiscard]] Result<> rearm(Source&, Interest blocked) noexcept;
    void error_taken(Source&) noexcept;
    void forget(Source&) noexcept;
    [[nodiscard]] static Selector& selector_of(const Source&) noexcept;

    void link(Waker&) noexcept;
    void unlink(Waker&) noexcept;
    /// Called when a waker has become pending.
    [[nodiscard]] Result<> wake() noexcept;

  private:
    Table(OwnedHandle receiver, OwnedHandle sender) noexcept
        : receiver_(std::move(receiver)), sender_(std::move(sender)) {}

    [[nodiscard]] bool make_room_for(RawHandle) noexcept;
    [[nodiscard]] Result<> watch(Source&, Token, Interest, Trigger) noexcept;
    void detach(Source&) noexcept;
    Result<> interrupt() noexcept;
    [[nodiscard]] std::size_t begin_wait() noexcept;
    void recheck_reported() noexcept;
    void end_wait() noexcept;
    void collect(Events&) noexcept;
    bool report(Source&, Events&) noexcept;

    std::mutex mutex_;                       // guards everything down to `capacity_`
    RingNode ring_{false};                   // list head; reported nodes move to the end, for fairness
    ByHandle<Source*> by_handle_;            // the attached sources
    std::size_t count_ = 0;                  // number of sources
    std::unique_ptr<Record[]> next_records_; // larger array for the next wait, or null
    std::size_t capacity_ = 0;               // of `next_records_` if it is set, otherwise of `records_`

    std::unique_ptr<Record[]> records_; // of the wait in progress; the first is the receiver's

    const OwnedHandle receiver_; // readable when the wait must be interrupted
    const OwnedHandle sender_;   // write end, on systems where the receiver is not writable
    std::atomic<bool> is_waiting_ = false;
    Coalescer interruption_;          // coalesces writes to the receiver
    std::atomic<bool> woken_ = false; // some waker may be pending
};

/// A poll(2) selector that emulates edges and one-shots. It stores a record for each source.
///
/// A reported direction is not polled for again until an operation in it would have blocked (see
/// `Registration::run`). New data is not reported while earlier data is unread. A hang-up or an error is
/// reported once; it is reported again only after an operation has failed, or if it was absent at the start
/// of a wait.
/// @see poll(2), ppoll(2)
export class Selector : public TableSelector<Selector, Table, Source> {
  public:
    using Waker = poll::Waker;

    static constexpr std::string_view name = "poll";
    static constexpr std::size_t record_size = 0; // the table stores the kernel's records

    inline explicit Selector(Parts&& parts, Destroy destroy = &destroy_selector<Selector>) noexcept
        : TableSelector(std::move(parts), destroy) {}

    [[nodiscard]] static std::string describe(const Event&);

  private:
    friend class poll::Waker;
};

/// A flag that `select` checks before it waits. If `select` is already waiting, a wake-up interrupts it.
export class Waker : RingNode {
  public:
    struct Parts {};
    [[nodiscard]] static Result<Parts> open(Selector&, Token) noexcept { return Parts{}; }
    Waker(Selector&, Token, Parts&&) noexcept;
    ~Waker();

    [[nodiscard]] inline std::uint32_t begin() noexcept { return pending_.begin(); }
    [[nodiscard]] Result<> send(std::uint32_t ticket) noexcept;

  private:
    friend class Table;

    Coalescer pending_;
    Table& table_; // the selector outlives its wakers
    const Token token_;
};

} // namespace mio::sys::poll
