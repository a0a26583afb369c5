/// @file
/// The kqueue backend: Apple systems, FreeBSD, NetBSD, OpenBSD, DragonFly.

module;

#include <sys/types.h>

#include <sys/event.h>

export module mio.sys.kqueue;

import mio.std;
import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.core.types;
import mio.sys.selector;
import mio.sys.wakers;

namespace mio::sys::kqueue {

/// The kernel's event record.
/// @see kqueue(2)
export using Record = struct ::kevent;

// The types and the available filters differ between systems. A filter that a system lacks gets a number that
// its kernel never uses.
using Filter = decltype(Record::filter);
constexpr Filter no_filter = 127;
#ifdef EVFILT_AIO
constexpr Filter aio_filter = EVFILT_AIO;
#else
constexpr Filter aio_filter = no_filter;
#endif
#ifdef EVFILT_LIO
constexpr Filter lio_filter = EVFILT_LIO;
#else
constexpr Filter lio_filter = no_filter;
#endif
#ifdef EVFILT_USER
constexpr Filter user_filter = EVFILT_USER;
#else
constexpr Filter user_filter = no_filter;
#endif

/// Maps a Record to predicates. Each filter has its own record, so that a source that is readable and
/// writable causes two.
///
/// | predicate    | record                                                   |
/// |--------------|----------------------------------------------------------|
/// | readable     | EVFILT_READ, or EVFILT_USER                              |
/// | writable     | EVFILT_WRITE                                             |
/// | error        | EV_ERROR, or EV_EOF with an error in fflags              |
/// | read_closed  | EVFILT_READ with EV_EOF                                  |
/// | write_closed | EVFILT_WRITE with EV_EOF                                 |
/// | aio          | EVFILT_AIO                                               |
/// | lio          | EVFILT_LIO                                               |
///
/// priority is never reported. A closed writing side is also reported for a local `shutdown(SHUT_WR)`.
export constexpr Readiness decode(std::int64_t filter, std::uint64_t flags, std::uint64_t fflags) noexcept {
    auto readiness = Readiness::none;
    const bool at_end = (flags & EV_EOF) != 0;
    if (filter == EVFILT_READ || filter == user_filter) readiness |= Readiness::readable;
    if (filter == EVFILT_WRITE) readiness |= Readiness::writable;
    if ((flags & EV_ERROR) != 0 || (at_end && fflags != 0)) readiness |= Readiness::error;
    if (filter == EVFILT_READ && at_end) readiness |= Readiness::read_closed;
    if (filter == EVFILT_WRITE && at_end) readiness |= Readiness::write_closed;
    if (filter == aio_filter) readiness |= Readiness::aio;
    if (filter == lio_filter) readiness |= Readiness::lio;
    return readiness;
}

static_assert(decode(EVFILT_READ, 0, 0) == Readiness::readable);
static_assert(decode(EVFILT_WRITE, 0, 0) == Readiness::writable);
static_assert(decode(EVFILT_READ, EV_EOF, 0) == (Readiness::readable | Readiness::read_closed));
static_assert(decode(EVFILT_WRITE, EV_EOF, 1)
              == (Readiness::writable | Readiness::write_closed | Readiness::error));
static_assert(decode(EVFILT_READ, EV_ERROR, 0) == (Readiness::readable | Readiness::error));
static_assert(decode(EVFILT_READ, EV_CLEAR, 1) == Readiness::readable);

export class Waker;

/// One-shot registrations. The kernel handles each filter separately. The backend relates the two: once a
/// source is reported for one filter, it must not be reported for the other.
///
/// The kernel receives a registration number instead of the token. The number identifies a record of a
/// registration that was replaced in the meantime. The flag EV_ONESHOT is not sufficient: a kernel may set it
/// for a filter that it drops itself, such as the filter of a pipe whose read end was closed.
class Oneshots {
  public:
    struct Entry {
        Token token;
        std::size_t registration = 0;
        std::size_t batch = 0; // the batch that reported it; 0: none
        std::size_t event = 0; // its index in the batch
        bool is_oneshot = false;
        bool has_two_filters = false;
    };

    /// Returns false if memory allocation fails. The other calls cannot fail.
    [[nodiscard]] bool make_room_for(RawHandle) noexcept;
    /// Returns the value to pass to the kernel as the token.
    [[nodiscard]] Token begin(RawHandle, Token, Interest) noexcept;
    /// Ends the one-shot registration of the handle.
    void end(RawHandle) noexcept;
    /// The entry of a handle; null if it was never registered as a one-shot.
    [[nodiscard]] Entry* find(RawHandle) noexcept;
    /// Whether `begin` returned `number`.
    [[nodiscard]] bool issued(std::size_t number) const noexcept {
        return number > first_registration && number <= last_registration_;
    }

    std::mutex mutex; // for all calls, and for the corresponding system call

  private:
    ByHandle<Entry> by_handle_;
    // Values that are unlikely as user tokens.
    static constexpr std::size_t first_registration = std::numeric_limits<std::size_t>::max() / 3 * 2;
    std::size_t last_registration_ = first_registration;
};

/// A kqueue. The kernel stores interests and readiness. The selector stores one-shots, and records which
/// source was added last for each descriptor number, because the kernel identifies a registration by that
/// number.
///
/// A child of fork(2) does not inherit the kqueue, and its descriptor number may name another file there. In a
/// child, `remove`, `forget` and the destructors make no system call with that number.
/// @see kqueue(2)
export class Selector : public SharedSelectorBase {
  public:
    using Waker = kqueue::Waker;

    static constexpr std::string_view name = "kqueue";
    static constexpr std::size_t record_size = sizeof(Record);
    static constexpr bool emulates_edges = false;
    static constexpr bool has_aio = aio_filter != no_filter; // FreeBSD, DragonFly, Apple systems
    static constexpr bool has_lio = lio_filter != no_filter; // FreeBSD

    struct Parts {
        OwnedHandle kqueue;
        NumberedSources sources;
    };
    [[nodiscard]] static Result<Parts> open() noexcept;
    explicit Selector(Parts&& parts, Destroy destroy = &destroy_selector<Selector>) noexcept;
    ~Selector();

    [[nodiscard]] Result<> select(Events& events, std::optional<std::chrono::nanoseconds> timeout) noexcept;

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

    [[nodiscard]] inline int raw_fd() const noexcept { return kqueue_.get(); }
    [[nodiscard]] static std::string describe(const Event&);

  private:
    friend class kqueue::Waker;

    [[nodiscard]] Result<> add_waker(RawHandle receiver, Token) noexcept;
    void remove_waker(RawHandle receiver) noexcept;
    // Whether this process is a child of the one that created the kqueue.
    [[nodiscard]] bool is_inherited() const noexcept;
    // Called with the mutex of `oneshots_` held.
    [[nodiscard]] Result<> arm(RawHandle, Token, Interest, Trigger, bool replaces) noexcept;
    [[nodiscard]] Result<> replace(NumberedSource&, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Result<> disarm(RawHandle) noexcept;
    [[nodiscard]] bool may_exist(const NumberedSource&) noexcept;
    void report_oneshot(const Record&, Events&) noexcept;

    OwnedHandle kqueue_;
    const std::uint16_t fork_generation_; // of the process that created the kqueue
    Wakers wakers_;
    Oneshots oneshots_; // its mutex also guards the sources
    NumberedSources sources_;
    std::size_t batch_ = 0; // the number of the last batch
};

/// A user event of the kqueue (EVFILT_USER) where the system supports it; otherwise a pipe.
export class Waker {
  public:
    struct Parts {
        std::uint64_t ident = 0;
        OwnedHandle receiver;
        OwnedHandle sender;
    };
    [[nodiscard]] static Result<Parts> open(Selector&, Token) noexcept;
    Waker(Selector&, Token, Parts&&) noexcept;
    ~Waker();

    [[nodiscard]] inline std::uint32_t begin() noexcept { return pending_.begin(); }
    [[nodiscard]] Result<> send(std::uint32_t ticket) noexcept;

  private:
    friend class Selector;

    [[nodiscard]] Result<> trigger() noexcept;

    static const Filter filter; // identifies the waker's events, together with the ident

    Selector& selector_;
    const Token token_;
    const std::uint64_t ident_;
    const OwnedHandle receiver_; // the pipe; none with EVFILT_USER
    const OwnedHandle sender_;
    PendingWake pending_; // last, so that it leaves the selector's list before the pipe is closed
};

} // namespace mio::sys::kqueue
