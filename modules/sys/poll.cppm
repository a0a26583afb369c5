/// @file
/// The poll(2) backend: every Unix.

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

/// What the kernel fills in for each source.
/// @see poll(2)
export using Record = ::pollfd;

/// A peer that will send no more. Not every system can tell: there a half-close is reported as readable alone.
#ifdef POLLRDHUP
export constexpr short read_hang_up = POLLRDHUP;
#else
export constexpr short read_hang_up = 0;
#endif

/// What a Record's `revents` mean for a source that is watched for `interest`, as a set of predicates:
///
/// | predicate    | flags                                                                          |
/// |--------------|--------------------------------------------------------------------------------|
/// | readable     | POLLIN, POLLPRI, POLLRDHUP; POLLHUP or POLLERR if reading or priority is asked |
/// | writable     | POLLOUT; POLLHUP or POLLERR if writing is asked for                            |
/// | priority     | POLLPRI                                                                        |
/// | error        | POLLERR                                                                        |
/// | read_closed  | POLLHUP or POLLRDHUP                                                           |
/// | write_closed | POLLHUP, or POLLOUT with POLLERR, or POLLERR and nothing else                  |
///
/// aio and lio are never reported. A hang-up or an error makes the source worth trying in each direction that was asked
/// for, also where the record lacks the direction's own flag: a direction that was reported before is not polled for.
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

/// A place in the ring of all that can be reported: a source, or a waker.
struct Node {
    Node(Token reported_with, bool wakes) noexcept : token(reported_with), is_waker(wakes) {}
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    /// Puts this node, which is in no ring, before `position`.
    inline void link_before(Node& position) noexcept {
        previous = position.previous;
        next = &position;
        previous->next = this;
        position.previous = this;
    }
    inline void unlink() noexcept {
        previous->next = next;
        next->previous = previous;
    }

    Node* previous = this;
    Node* next = this;
    Token token;
    const bool is_waker;
};

/// A registered handle: the state behind a `Registration`, and what makes edges out of poll's levels.
struct Source;

/// Everything that is registered, and the waiting for it.
///
/// Changes never wait for the thread that waits: each wait has a list of its own, made under the mutex, and a
/// change that matters to it interrupts it, so that it begins again with a new list.
class Table {
  public:
    [[nodiscard]] static Result<std::unique_ptr<Table>> create() noexcept;
    Table(const Table&) = delete;
    Table& operator=(const Table&) = delete;

    [[nodiscard]] Result<> select(Events&, std::optional<std::chrono::nanoseconds> timeout) noexcept;

    [[nodiscard]] Result<Source*> add(Selector&, RawHandle, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Result<> modify(Source&, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Result<> rearm(Source&, Interest blocked) noexcept;
    void error_taken(Source&) noexcept;
    void forget(Source&) noexcept;

    void link(Waker&) noexcept;
    void unlink(Waker&) noexcept;
    /// A waker has become pending.
    [[nodiscard]] Result<> wake() noexcept;

  private:
    Table(OwnedHandle receiver, OwnedHandle sender) noexcept
        : receiver_(std::move(receiver)), sender_(std::move(sender)) {}

    [[nodiscard]] bool make_room_for(RawHandle) noexcept;
    void detach(Source&) noexcept;
    Result<> interrupt() noexcept;
    [[nodiscard]] std::size_t begin_wait() noexcept;
    void look_at_the_told() noexcept;
    void end_wait() noexcept;
    void collect(Events&) noexcept;
    bool report(Source&, Events&) noexcept;

    std::mutex mutex_; // guards everything down to `capacity_`
    Node ring_{{},
               false}; // the node before the first: those reported last come last, so that all get their turn
    ByHandle<Source*> by_handle_;            // the attached sources
    std::size_t count_ = 0;                  // of the sources
    std::unique_ptr<Record[]> next_records_; // larger ones for the next wait, or none
    std::size_t capacity_ = 0;               // of `next_records_`, or else of `records_`

    std::unique_ptr<Record[]> records_; // of the wait under way; the first one is the receiver's

    const OwnedHandle receiver_; // readable when the wait is to be interrupted
    const OwnedHandle sender_;   // makes it so, where the receiver cannot be written to
    std::atomic<bool> is_waiting_ = false;
    Coalescer interruption_;           // what makes the receiver readable
    std::atomic<bool> woken_ = false;          // some waker may be pending
};

/// poll(2), with edges and one-shots made of its levels. It keeps a record for each source.
///
/// A direction that was reported is not asked for again until an operation would have blocked in it (see
/// `Registration::run`); new data behind data left unread is not reported. A hang-up or an error is reported
/// once, and again only if an operation failed or it was gone at the start of a wait.
/// @see poll(2), ppoll(2)
export class Selector : public SharedSelectorBase {
  public:
    using Waker = poll::Waker;

    static constexpr std::string_view name = "poll";
    static constexpr std::size_t record_size = 0; // the kernel's records are the table's

    struct Parts {
        std::unique_ptr<Table> table;
    };
    [[nodiscard]] static Result<Parts> open() noexcept;
    inline explicit Selector(Parts&& parts) noexcept : table_(std::move(parts.table)) {}

    [[nodiscard]] Result<> select(Events& events, std::optional<std::chrono::nanoseconds> timeout) noexcept {
        return table_->select(events, timeout);
    }

    [[nodiscard]] Result<std::uint64_t> add(RawHandle, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Result<> modify(RawHandle, std::uint64_t state, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Result<> remove(RawHandle, std::uint64_t state) noexcept;
    [[nodiscard]] static Selector& selector_of(std::uint64_t state) noexcept;

    [[nodiscard]] static Result<> rearm(std::uint64_t state, Interest blocked) noexcept;
    static void error_taken(std::uint64_t state) noexcept;
    static void forget(std::uint64_t state) noexcept;

    [[nodiscard]] inline int raw_fd() const noexcept { return invalid_handle; }
    [[nodiscard]] static std::string describe(const Event&);

  private:
    friend class poll::Waker;

    const std::unique_ptr<Table> table_;
};

/// A flag that `select` looks at before it waits, and an interruption if it waits already.
export class Waker : Node {
  public:
    struct Parts {};
    [[nodiscard]] static Result<Parts> open(Selector&, Token) noexcept { return Parts{}; }
    Waker(Selector&, Token, Parts&&) noexcept;
    ~Waker();

    [[nodiscard]] Result<> wake() noexcept;

  private:
    friend class Table;

    Coalescer pending_;
    Table& table_; // the selector outlives its wakers
};

} // namespace mio::sys::poll
