/// @file
/// The completion port backend: Windows.
///
/// Sockets are watched by polls of the driver below Winsock, AFD, whose completions a completion port hands out. A
/// body that starts overlapped operations of its own, such as that of a named pipe, has them completed through the
/// same port: see `Channel`.

module;

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

export module mio.sys.iocp;

import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.core.types;
import mio.sys.selector;
import mio.sys.wakers;

namespace mio::sys::iocp {

/// What the port hands out for each completion: the layout of `OVERLAPPED_ENTRY`.
/// @see GetQueuedCompletionStatusEx
export struct Record {
    std::uintptr_t key;
    void* operation; // null: nothing but the end of a wait
    std::uintptr_t internal;
    std::uint32_t bytes;
};

/// What AFD tells about a socket. `connect` is not used: AFD repeats it as long as the connection lives.
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

/// What AFD's events mean for a source that is watched for `interest`, as a set of predicates:
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

/// An operation that the OS was asked for: an `OVERLAPPED`, and whom to tell when it has ended. Its address is what
/// the OS knows it by: it stays where it is until then. Derive from it what else is to be known of the operation.
export struct Operation {
    /// Called once for each operation that was started, by the thread that polls, or by the one that drops the last
    /// owner of the port. `record.internal` is the operation's NTSTATUS, `record.bytes` what was transferred. No
    /// lock of the backend is held, so that it may start the next operation and tell what is ready.
    using Completed = void (*)(Operation&, const Record& record) noexcept;

    inline explicit Operation(Completed whom) noexcept : completed(whom) {}
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

export class Selector;
export class Channel;
export class Waker;

/// Something that may have news of which the kernel does not know: a waker, or a channel. With news it is in the
/// port's ring, without in none.
struct Node {
    explicit Node(bool wakes) noexcept : is_waker(wakes) {}
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    [[nodiscard]] inline bool is_linked() const noexcept { return next != this; }
    inline void link_before(Node& position) noexcept {
        previous = position.previous;
        next = &position;
        previous->next = this;
        position.previous = this;
    }
    /// Also if it is in no ring.
    inline void unlink() noexcept {
        previous->next = next;
        next->previous = previous;
        previous = next = this;
    }

    Node* previous = this;
    Node* next = this;
    const bool is_waker;
};

/// A socket that is watched: the state behind a `Registration`, and what makes edges out of AFD's levels.
struct Source;
/// The sources that one handle of the AFD device serves.
struct Group;

/// A completion port, the sockets that are watched through it, and the wakers and channels that use it. When it is
/// destroyed it waits for the operations that the OS still has in hand.
class Port {
  public:
    [[nodiscard]] static Result<std::unique_ptr<Port>> create() noexcept;
    ~Port();
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;

    [[nodiscard]] Result<> select(Events&, std::optional<std::chrono::nanoseconds> timeout) noexcept;

    [[nodiscard]] Result<Source*> add(Selector&, RawHandle, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Result<> modify(Source&, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Result<> rearm(Source&, Interest blocked) noexcept;
    void error_taken(Source&) noexcept;
    void forget(Source&) noexcept;
    /// AFD has answered.
    void complete(Source&) noexcept;

  private:
    friend class Channel;
    friend class Waker;

    explicit Port(void* handle) noexcept : handle_(handle) {}

    // All of these with the mutex held.
    [[nodiscard]] Result<Source*> take_source() noexcept;
    void free_source(Source&) noexcept;
    [[nodiscard]] Source*& chain_of(RawHandle socket) noexcept;
    [[nodiscard]] Source* find(RawHandle socket) noexcept;
    void attach(Source&) noexcept;
    void detach(Source&) noexcept;
    void release(Source&) noexcept;
    void enqueue(Source&) noexcept;
    void dequeue(Source&) noexcept;
    [[nodiscard]] Result<> ask_queued() noexcept;
    [[nodiscard]] Result<> update(Source&) noexcept;
    [[nodiscard]] Result<> ask(Source&) noexcept;
    [[nodiscard]] Result<> submit(Source&) noexcept;
    [[nodiscard]] Result<> cancel(Source&) noexcept;
    [[nodiscard]] Result<> arm(Source&, std::uint32_t wanted) noexcept;
    void report(Source&, std::uint32_t happened) noexcept;
    void take_woken() noexcept;
    void collect(Events&) noexcept;

    [[nodiscard]] Result<> interrupt() noexcept;

    void dispatch(const Record&) noexcept;
    void drain() noexcept;

    void* const handle_;
    std::atomic<std::size_t> in_flight_ = 0; // operations that the OS has in hand

    std::atomic<Waker*> woken_ = nullptr; // wakers that are to come into the ring, the last one first
    std::atomic<bool> is_waiting_ = false;
    Coalescer interruption_; // the packet that ends a wait

    std::mutex mutex_; // guards everything below
    Node ring_{false}; // the node before the first: those reported last come last, so that all get their turn
    Source* first_queued_ = nullptr; // what the kernel is to be asked about before the next wait
    Source* last_queued_ = nullptr;
    Group* roomy_ = nullptr;                // the groups that have room for more
    std::array<Source*, 1024> by_socket_{}; // chains of those that are attached
    std::size_t spare_groups_ = 0;          // of those that serve nobody
    Events* sink_ = nullptr;                // where the batch under way goes
    bool news_come_first_ = false;
};

/// A completion port and AFD, with edges and one-shots made of AFD's levels. It keeps a state for each source.
///
/// A direction that was reported is not asked for again until an operation would have blocked in it (see
/// `Registration::run`); new data behind data left unread is not reported. A second source for a handle replaces
/// the first one.
/// @see CreateIoCompletionPort, GetQueuedCompletionStatusEx
export class Selector : public SharedSelectorBase {
  public:
    using Waker = iocp::Waker;

    static constexpr std::string_view name = "iocp";
    static constexpr std::size_t record_size = sizeof(Record);

    struct Parts {
        std::unique_ptr<Port> port;
    };
    [[nodiscard]] static Result<Parts> open() noexcept;
    inline explicit Selector(Parts&& parts) noexcept : port_(std::move(parts.port)) {}

    [[nodiscard]] Result<> select(Events& events, std::optional<std::chrono::nanoseconds> timeout) noexcept {
        return port_->select(events, timeout);
    }

    [[nodiscard]] Result<std::uint64_t> add(RawHandle, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Result<> modify(RawHandle, std::uint64_t state, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Result<> remove(RawHandle, std::uint64_t state) noexcept;
    [[nodiscard]] static Selector& selector_of(std::uint64_t state) noexcept;

    [[nodiscard]] static Result<> rearm(std::uint64_t state, Interest blocked) noexcept;
    static void error_taken(std::uint64_t state) noexcept;
    static void forget(std::uint64_t state) noexcept;

    [[nodiscard]] inline int raw_fd() const noexcept { return -1; }
    [[nodiscard]] static std::string describe(const Event&);

  private:
    friend class iocp::Waker;
    friend class Channel;

    const std::unique_ptr<Port> port_;
};

/// A place in the ring of those with news, and a packet in the port's queue if a thread waits.
export class Waker : Node {
  public:
    struct Parts {};
    [[nodiscard]] static Result<Parts> open(Selector&, Token) noexcept { return Parts{}; }
    Waker(Selector&, Token, Parts&&) noexcept;
    ~Waker();

    [[nodiscard]] Result<> wake() noexcept;

  private:
    friend class Port;

    Coalescer pending_;
    std::mutex queueing_; // held while this waker is put into the port's list
    std::atomic<bool> is_queued_ = false; // in the port's list of woken wakers, or in its ring
    Waker* next_woken_ = nullptr;
    Port& port_; // the selector outlives its wakers
    const Token token_;
};

/// What ties a handle that is no socket to a port: its overlapped operations complete through it, and its body, not
/// the kernel, tells what it is ready for. For bodies of sources such as named pipes.
///
/// How to use it:
/// - Keep it in a part of the source that lives on the heap together with the source's `Operation`s. That part has an
///   owner more for each operation under way, which `Operation::completed` gives back.
/// - `add_to`, `modify_in` and `remove_from` of the source call `add`, `modify` and `remove`, with
///   `*static_cast<Selector*>(BackendAccess::selector(registry))`. The first `add` ties the handle to the port for life, since
///   Windows does not know how to untie it; from then on operations may be started.
/// - Before an operation is started, call `begin`: once it is started its completion may run in another thread. If it
///   failed to start, so that no completion will come, take that back by `abandon`. (A call that succeeds at once
///   still brings a completion.)
/// - Tell what is ready by `set`, and that it is no longer by `clear`, from `completed` or from any other thread.
///   Reporting it once, or again and again, or not at all, is done here.
/// - On destruction close the handle, which ends its operations, and then call `close`, holding an owner of the part
///   on the heap: if the `Poll` is gone, the completions run in there. None may start an operation any more.
///
/// Calls until the first `add` has returned are for one thread at a time; afterwards only `add`, `modify`, `remove`
/// and `close` are.
export class Channel : Node {
  public:
    Channel() noexcept : Node(false) {}
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;
    ~Channel() = default; // after `close`

    /// As in `Registry`. Errors: `Errc::already_registered`; `Errc::other_registry` if it is tied to another port
    /// already, even if the `Poll` of that port is gone; the OS's own. What holds is reported.
    [[nodiscard]] Result<> add(Selector&, RawHandle handle, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Result<> modify(Selector&, Token, Interest, Trigger) noexcept;
    /// When it has returned nothing more is reported, whatever was ready before.
    [[nodiscard]] Result<> remove(Selector&) noexcept;
    /// Ends the registration, and the tie to the port.
    void close() noexcept;

    /// True if the handle is tied to a port, so that operations may be started.
    [[nodiscard]] inline bool is_tied() const noexcept { return port_ != nullptr; }

    /// An operation is about to be started, and its completion will come.
    void begin() noexcept;
    /// The operation that was begun last by this thread could not be started.
    void abandon() noexcept;

    /// These hold from now on, and are news: also those that held already.
    void set(Readiness) noexcept;
    /// These hold no longer.
    void clear(Readiness) noexcept;

  private:
    friend class Port;

    [[nodiscard]] Result<> check_belongs_to(const Selector&) const noexcept;
    [[nodiscard]] Result<> watch(Port&, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Readiness to_report() const noexcept;
    [[nodiscard]] Event report() noexcept;

    Selector* selector_ = nullptr; // owned once, while the handle is tied to its port
    Port* port_ = nullptr;         // valid while it is tied, and in completions
    Token token_;
    Interest interest_ = Interest::readable;
    Trigger trigger_ = Trigger::edge;
    Readiness held_ = Readiness::none;
    Readiness news_ = Readiness::none;
    bool is_registered_ = false;
    bool is_spent_ = false; // a one-shot that was reported
};

} // namespace mio::sys::iocp
