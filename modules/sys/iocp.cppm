/// @file
/// The completion port backend: Windows.
///
/// Sockets are watched with poll requests to AFD, the driver below Winsock. A completion port delivers their
/// completions. A source that starts overlapped operations itself, such as a named pipe, uses the same port:
/// see `Channel`.

export module mio.sys.iocp;

import mio.std;
import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.core.types;
import mio.sys.selector;
import mio.sys.wakers;

namespace mio::sys::iocp {

/// Completion record of the port, with the layout of `OVERLAPPED_ENTRY`.
/// @see GetQueuedCompletionStatusEx
export struct Record {
    std::uintptr_t key;
    void* operation; // null: the packet only ends a wait
    std::uintptr_t internal;
    std::uint32_t bytes;
};

/// AFD's event flags of a socket. `connect` is not used: AFD repeats it for the lifetime of the connection.
export enum AfdEvent : std::uint32_t {
    afd_receive = 0x001,
    afd_receive_expedited = 0x002,
    afd_send = 0x004,
    afd_disconnect = 0x008,
    afd_abort = 0x010,
    afd_local_close = 0x020,
    afd_connect = 0x040,
    afd_accept = 0x080,
    afd_connect_fail = 0x100,
};

/// Maps AFD's events of a source that is watched for `interest` to predicates:
///
/// | predicate    | events                                                                         |
/// |--------------|--------------------------------------------------------------------------------|
/// | readable     | RECEIVE, ACCEPT or DISCONNECT; with that interest also ABORT or CONNECT_FAIL   |
/// | writable     | SEND; with that interest also ABORT or CONNECT_FAIL                            |
/// | error        | CONNECT_FAIL                                                                   |
/// | read_closed  | DISCONNECT, ABORT or CONNECT_FAIL                                              |
/// | write_closed | ABORT or CONNECT_FAIL                                                          |
///
/// priority, aio and lio are never reported. A closed writing side is not reported for a local
/// `shutdown(SD_SEND)`.
export constexpr Readiness decode(std::uint32_t events, Interest interest) noexcept {
    const auto has = [events](std::uint32_t some) { return (events & some) != 0; };
    const bool has_ended = has(afd_abort | afd_connect_fail);
    auto readiness = Readiness::none;
    if (has(afd_receive | afd_accept | afd_disconnect) || (has_ended && interest.is_readable()))
        readiness |= Readiness::readable;
    if (has(afd_send) || (has_ended && interest.is_writable())) readiness |= Readiness::writable;
    if (has(afd_connect_fail)) readiness |= Readiness::error;
    if (has(afd_disconnect) || has_ended) readiness |= Readiness::read_closed;
    if (has_ended) readiness |= Readiness::write_closed;
    return readiness;
}

static_assert(decode(afd_receive, Interest::readable) == Readiness::readable);
static_assert(decode(afd_accept, Interest::readable) == Readiness::readable);
static_assert(decode(afd_send, Interest::writable) == Readiness::writable);
static_assert(decode(afd_disconnect, Interest::readable) == (Readiness::readable | Readiness::read_closed));
static_assert(decode(afd_abort, Interest::readable)
              == (Readiness::readable | Readiness::read_closed | Readiness::write_closed));
static_assert(decode(afd_abort, Interest::writable)
              == (Readiness::writable | Readiness::read_closed | Readiness::write_closed));
static_assert(decode(afd_connect_fail, Interest::writable)
              == (Readiness::writable | Readiness::error | Readiness::read_closed | Readiness::write_closed));
static_assert(decode(afd_receive_expedited | afd_local_close | afd_connect,
                     Interest::readable | Interest::writable)
              == Readiness::none);

/// An overlapped operation: an `OVERLAPPED` and a completion handler. The OS identifies the operation by its
/// address, so it must not move until it has completed. Derived classes add further state of the operation.
export struct Operation {
    /// Completion handler, called once for each operation that was started, by the polling thread or by the
    /// thread that drops the last owner of the port. `record.internal` is the operation's NTSTATUS;
    /// `record.bytes` is the number of bytes transferred. No lock of the backend is held, so the handler may
    /// start the next operation and report readiness.
    using Completed = void (*)(Operation&, const Record& record) noexcept;

    inline explicit Operation(Completed handler) noexcept : completed(handler) {}
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;

    /// The layout of `OVERLAPPED`, whose first two words are those of `IO_STATUS_BLOCK`.
    struct Overlapped {
        std::uintptr_t internal = 0;
        std::uintptr_t internal_high = 0;
        std::uint32_t offset = 0;
        std::uint32_t offset_high = 0;
        void* event = nullptr;
    } overlapped;
    Completed completed;
};

/// An AFD poll of one socket: `AFD_POLL_INFO`, which is both the input and the output of the request.
struct AfdPollInfo {
    std::int64_t timeout = std::numeric_limits<std::int64_t>::max(); // infinite
    std::uint32_t count = 1;
    std::uint32_t is_exclusive = 0;
    RawHandle socket = invalid_handle;
    std::uint32_t events = 0;
    std::int32_t status = 0;
};

export class Selector;
export class Channel;
export class Wait;
export class Waker;

class Port;
/// The sources served by one handle of the AFD device.
struct Group;

/// A watched socket: the state of a `Registration`, and the conversion of AFD's levels to edges.
///
/// Life cycle: `Port::add` takes a source from a group and attaches it. `remove`, `forget`, another source for the same
/// socket, or AFD's report that the socket was closed detaches it. It returns to its group once its `Registration` has
/// released it and the kernel has completed its AFD poll.
///
/// While the source is attached, at most one AFD poll is pending for it. It completes at the first of several events.
/// `status` is the state of that poll; `Port::complete` handles the completion.
struct Source : Operation {
    enum class Status {
        idle,      // no poll is pending
        pending,   // a poll was submitted, and its completion has not been dequeued
        cancelled, // as pending, and its cancellation was requested
    };

    Source() noexcept;

    /// Resets the edge state: every condition that holds is reported again.
    void watch(Token, Interest, Trigger) noexcept;
    /// True if the kernel has completed the poll. It may become true only when the completion is dequeued.
    [[nodiscard]] bool is_completed() noexcept;
    [[nodiscard]] static std::uint32_t events_of(Interest) noexcept;

    static constexpr std::uint32_t readable = afd_receive | afd_accept | afd_disconnect;
    static constexpr std::uint32_t writable = afd_send;
    static constexpr std::uint32_t always = afd_abort | afd_connect_fail; // the connection has ended

    Port* port = nullptr;
    Selector* selector = nullptr;
    Group* group = nullptr;
    void* device = nullptr;            // the group's handle of the AFD device
    RawHandle socket = invalid_handle; // the base provider's; the user's may be layered above it
    Token token;
    Interest interest = Interest::readable;
    Trigger trigger = Trigger::edge;
    Status status = Status::idle;
    bool is_attached = false;
    bool is_released = false; // by its `Registration`
    bool is_queued = false;
    bool is_stale = false;    // the pending poll is older than the state to be polled for
    std::uint32_t armed = 0;  // events to poll for
    std::uint32_t polled = 0; // events of the pending poll
    AfdPollInfo poll;
    Source* previous_queued = nullptr;
    Source* next_queued = nullptr;
    Source* next = nullptr; // in the hash chain, or in the group's free list
};

/// A completion port, the sockets watched through it, and the wakers and channels that use it. The destructor
/// waits for the operations that are still pending in the OS.
class Port {
  public:
    [[nodiscard]] static Result<std::unique_ptr<Port>> create() noexcept;
    ~Port();
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;

    [[nodiscard]] Result<> select(Events&, std::optional<std::chrono::nanoseconds> timeout) noexcept;

    [[nodiscard]] Result<Source*> add(Selector&, RawHandle, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Result<> modify(Source&, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Result<> renew(Source&) noexcept;
    /// Whether the source's socket is not known to be closed.
    [[nodiscard]] bool may_watch(const Source&) noexcept;
    [[nodiscard]] Result<> rearm(Source&, Interest blocked) noexcept;
    void error_taken(Source&) noexcept;
    void forget(Source&) noexcept;
    [[nodiscard]] static Selector& selector_of(const Source&) noexcept;
    /// Handles the completion of an AFD poll.
    void complete(Source&) noexcept;

  private:
    friend class Channel;
    friend class Wait;
    friend class Waker;

    explicit Port(void* handle) noexcept : handle_(handle) {}

    // Called with the mutex held.
    [[nodiscard]] Result<Source*> take_source() noexcept;
    void free_source(Source&) noexcept;
    void free_groups() noexcept;
    [[nodiscard]] Source*& chain_of(RawHandle socket) noexcept;
    [[nodiscard]] Source* find(RawHandle socket) noexcept;
    void attach(Source&) noexcept;
    [[nodiscard]] Result<> watch(Source&, Token, Interest, Trigger) noexcept;
    void detach(Source&) noexcept;
    void release(Source&) noexcept;
    void enqueue(Source&) noexcept;
    void dequeue(Source&) noexcept;
    [[nodiscard]] Result<> adjust_queued() noexcept;
    [[nodiscard]] Result<> update(Source&) noexcept;
    [[nodiscard]] Result<> adjust_poll(Source&) noexcept;
    [[nodiscard]] Result<> submit(Source&) noexcept;
    [[nodiscard]] Result<> cancel(Source&) noexcept;
    [[nodiscard]] Result<> arm(Source&, std::uint32_t wanted) noexcept;
    void report(Source&, std::uint32_t happened) noexcept;
    void link_woken() noexcept;
    void collect(Events&) noexcept;

    [[nodiscard]] Result<> interrupt() noexcept;

    void dispatch(const Record&) noexcept;
    void drain() noexcept;

    void* const handle_;
    std::atomic<std::size_t> in_flight_ = 0; // operations pending in the OS

    std::atomic<bool> is_any_woken_ = false; // a waker may be pending and not in the ring
    std::atomic<bool> is_waiting_ = false;
    Coalescer interruption_; // the packet that ends a wait

    std::mutex mutex_;     // guards everything below
    RingNode ring_{false}; // wakers and channels to report; reported nodes move to the end, for fairness
    Waker* first_waker_ = nullptr;   // list of all wakers
    Source* first_queued_ = nullptr; // sources whose AFD poll is updated before the next wait
    Source* last_queued_ = nullptr;
    Group* groups_with_room_ = nullptr;     // groups with room for another source
    std::array<Source*, 1024> by_socket_{}; // hash chains of the attached sources
    std::size_t spare_groups_ = 0;          // number of groups without sources
    Events* sink_ = nullptr;                // receives the current batch
    bool ring_goes_first_ = false;
};

/// A completion port selector that emulates edges and one-shots with AFD polls. It stores the state of each
/// source.
///
/// A reported direction is not polled for again until an operation in it would have blocked (see
/// `Registration::run`). New data is not reported while earlier data is unread. A second source for a handle
/// replaces the first one.
/// @see CreateIoCompletionPort, GetQueuedCompletionStatusEx
export class Selector : public TableSelector<Selector, Port, Source> {
  public:
    using Waker = iocp::Waker;

    static constexpr std::string_view name = "iocp";
    static constexpr std::size_t record_size = sizeof(Record);

    inline explicit Selector(Parts&& parts, Destroy destroy = &destroy_selector<Selector>) noexcept
        : TableSelector(std::move(parts), destroy) {}

    [[nodiscard]] static std::string describe(const Event&);

  private:
    friend class iocp::Waker;
    friend class Channel;
    friend class Wait;
};

/// Coalesces wake-ups. `select` moves pending wakers to the port's ring. If a thread waits, a packet in the
/// port's queue ends the wait.
export class Waker : RingNode {
  public:
    struct Parts {};
    [[nodiscard]] static Result<Parts> open(Selector&, Token) noexcept { return Parts{}; }
    Waker(Selector&, Token, Parts&&) noexcept;
    ~Waker();

    [[nodiscard]] inline std::uint32_t begin() noexcept { return pending_.begin(); }
    [[nodiscard]] Result<> send(std::uint32_t ticket) noexcept;

  private:
    friend class Port;

    Coalescer pending_;
    Waker* next_waker_ = nullptr; // in the port's list
    Port& port_;                  // the selector outlives its wakers
    const Token token_;
};

/// Associates a handle that is not a socket with a port. Its overlapped operations complete through the port,
/// and its owner, not the kernel, reports its readiness. For the implementation of sources such as named
/// pipes.
///
/// Usage:
/// - Store it on the heap, in one reference-counted object with the `Operation`s of the source. Each
///   operation in progress holds a reference, which `Operation::completed` releases.
/// - `add_to`, `modify_in`, `renew_in` and `remove_from` of the source call `add`, `modify`, `renew` and `remove`, with
///   `*static_cast<Selector*>(BackendAccess::selector(registry))`. The first `add` associates the handle with
///   the port permanently, because Windows cannot undo the association. Operations may be started from then
///   on.
/// - Call `begin` before starting an operation: its completion may run in another thread as soon as it is
///   started. If it fails to start, no completion follows: call `abandon`. (An operation that succeeds
///   immediately still causes a completion.)
/// - Report readiness with `set`, and its end with `clear`, from `completed` or from any other thread. The
///   channel applies the trigger mode.
/// - On destruction, close the handle, which ends its operations, and then call `close` while holding a
///   reference to the heap object: if the `Poll` is gone, the completions run inside `close`. They must not
///   start another operation.
///
/// Until the first `add` has returned, only one thread at a time may make calls. Afterwards this restriction
/// applies only to `add`, `modify`, `renew`, `remove` and `close`.
export class Channel : RingNode {
  public:
    Channel() noexcept : RingNode(false) {}
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;
    ~Channel() = default; // after `close`

    /// As in `Registry`. Errors: `Errc::already_registered`; `Errc::other_registry` if it is already
    /// associated with another port, even if the `Poll` of that port is gone; the OS's own. A condition that
    /// holds is reported.
    [[nodiscard]] Result<> add(Selector&, RawHandle handle, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Result<> modify(Selector&, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Result<> renew(Selector&) noexcept;
    /// After it returns nothing more is reported, even if the channel was ready.
    [[nodiscard]] Result<> remove(Selector&) noexcept;
    /// Ends the registration and the association with the port.
    void close() noexcept;

    /// True if the handle is associated with a port, so that operations may be started.
    [[nodiscard]] inline bool is_associated() const noexcept { return port_ != nullptr; }

    /// Announces an operation that is about to be started.
    void begin() noexcept;
    /// Withdraws the last `begin` of this thread: the operation failed to start.
    void abandon() noexcept;

    /// Sets predicates and reports them, also those that were already set.
    void set(Readiness) noexcept;
    /// Clears predicates.
    void clear(Readiness) noexcept;

  private:
    friend class Port;
    friend class Wait;

    inline explicit Channel(Wait* wait) noexcept : RingNode(false), wait_(wait) {}

    [[nodiscard]] Result<> check_belongs_to(const Selector&) const noexcept;
    [[nodiscard]] Result<> watch(Port&, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Readiness to_report() const noexcept;
    [[nodiscard]] Event report() noexcept;

    Selector* selector_ = nullptr; // one reference, held while the handle is associated with its port
    Port* port_ = nullptr;         // valid while associated, and in completions
    Token token_;
    Interest interest_ = Interest::readable;
    Trigger trigger_ = Trigger::edge;
    Readiness current_ = Readiness::none;
    Readiness unreported_ = Readiness::none;
    bool is_registered_ = false;
    bool is_disarmed_ = false;   // a one-shot that has been reported
    Wait* const wait_ = nullptr; // this channel's `Wait`, if it belongs to one
};

/// A registration of a handle that can be waited for, such as an event or a process. The system's thread pool waits
/// for the handle; each successful wait makes the channel readable. For `WaitableSource`, which documents the
/// behaviour.
///
/// It duplicates the handle, so it does not matter when the caller closes it. `is_armed_` is true while the pool
/// waits: not after a successful wait, since the handle may stay signaled.
/// @see CreateThreadpoolWait
export class Wait {
  public:
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;

    /// Registers `handle`. Pass the result to `close` once.
    [[nodiscard]] static Result<Wait*> open(Selector&, RawHandle handle, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Result<> modify(Selector&, Token, Interest, Trigger) noexcept;
    /// As `modify`, with the same parameters.
    [[nodiscard]] Result<> renew(Selector&) noexcept;
    /// Whether `close` may be called to end a registration with this selector.
    [[nodiscard]] Result<> check_belongs_to(const Selector&) const noexcept;
    [[nodiscard]] bool is_retired() const noexcept;
    /// Ends the registration and destroys the object. No callback runs afterwards.
    void close() noexcept;

    /// Waits again after an edge was reported.
    void wait_again() noexcept;

  private:
    friend class Port;

    Wait() noexcept = default;
    ~Wait() = default;

    static void signaled(Wait&) noexcept;

    // Called with the port's mutex held.
    [[nodiscard]] bool take() noexcept;
    void note_signal() noexcept;
    void take_or_arm() noexcept;
    [[nodiscard]] Result<> report() noexcept;
    /// Before `Port::collect` looks at the channel.
    void before_report() noexcept;
    /// After it has reported the channel.
    void after_report() noexcept;

    Channel channel_{this};
    void* handle_ = nullptr;
    void* pool_wait_ = nullptr;
    bool is_armed_ = false;
    bool is_closed_ = false;     // do not arm
    bool needs_recheck_ = false; // level: reported since the last look at the handle
};

} // namespace mio::sys::iocp
