/// @file
/// Waiting for readiness: `Poll`, its `Registry`, and the `Waker` that interrupts a wait.

export module mio.core.poll;

import mio.std;
import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.core.types;

namespace mio {

export class Registry;

/// A type that can be registered with a `Poll`. It is the library's extension point.
///
/// Every socket of `mio::net` models it. A user-defined source usually contains another source and forwards
/// the three calls to it through the `Registry`. Only `Registry` makes these calls, never from two threads at
/// once for one source. They report a source that is already registered, or not registered, with the `Errc`
/// that `Registry` documents.
export template <class S>
concept Source = requires(S& s, const Registry& registry, Token token, Interest interest, Trigger trigger) {
    { s.add_to(registry, token, interest, trigger) } -> std::same_as<Result<>>;
    { s.modify_in(registry, token, interest, trigger) } -> std::same_as<Result<>>;
    { s.remove_from(registry) } -> std::same_as<Result<>>;
};

/// A source that can be renewed: see `Registry::renew`. Every source of this library is one.
export template <class S>
concept RenewableSource = Source<S> && requires(S& s, const Registry& registry) {
    { s.renew_in(registry) } -> std::same_as<Result<>>;
};

template <class T>
concept SourceReference = std::is_lvalue_reference_v<T> && Source<std::remove_reference_t<T>>;

/// A type that `Registry` accepts: a source, or an object whose member `source()` returns a reference to one. A class
/// that contains a socket thus needs one line:
///
///     class Session {
///         auto& source() { return stream_; }
///         …
///     };
export template <class S>
concept Registrable = Source<S> || requires(S& s) {
    { s.source() } -> SourceReference;
};

template <Registrable S> constexpr auto& source_of(S& object) {
    if constexpr (Source<S>) {
        return object;
    } else {
        return object.source();
    }
}

/// The selector shared by a `Poll`, its registries, wakers and sources. Defined in the implementation unit,
/// which imports the backend.
struct SharedSelector;

/// Reference-counted owner of a selector. The last owner closes the selector.
class SelectorOwner {
  public:
    /// Adopts the initial reference of `selector`.
    inline explicit SelectorOwner(SharedSelector* selector) noexcept : selector_(selector) {}
    SelectorOwner(const SelectorOwner& other) noexcept;
    inline SelectorOwner(SelectorOwner&& other) noexcept
        : selector_(std::exchange(other.selector_, nullptr)) {}
    inline SelectorOwner& operator=(SelectorOwner other) noexcept {
        std::swap(selector_, other.selector_);
        return *this;
    }
    ~SelectorOwner();

    [[nodiscard]] inline SharedSelector& operator*() const noexcept { return *selector_; }
    [[nodiscard]] inline SharedSelector* operator->() const noexcept { return selector_; }
    [[nodiscard]] inline explicit operator bool() const noexcept { return selector_ != nullptr; }

  private:
    SharedSelector* selector_;
};

// Stores the error of a failed re-arm in the error of the operation that would have blocked, if its type can hold
// it.
template <class E> constexpr void replace_error(E& error, const std::error_code& code) {
    if constexpr (std::constructible_from<E, std::error_code>) {
        error = E(code);
    } else if constexpr (std::constructible_from<E, std::error_condition>) {
        error = E(code.default_error_condition());
    }
}

// Runs `operation`, and `note(would_block)` after it has failed; see `Registration::run`.
template <class F, class Note> auto run_noting(F&& operation, Note&& note) {
    auto result = std::forward<F>(operation)();
    if (!result) [[unlikely]] {
        if (auto noted = note(means_would_block(result.error())); !noted)
            replace_error(result.error(), noted.error());
    }
    return result;
}

/// Counts what a polling loop does. Pass it to `Poll::poll`, `Poll::poll_until` and `Waker::wake`; calls without
/// it count nothing and cost nothing. Any thread may read the values at any time.
///
/// Use one for each `Poll`. If the library was built where `sys/sdt.h` exists, the counted calls are also USDT
/// probes, for `perf` and `bpftrace`: `mio:poll_begin`, `mio:poll_end` (events, error number), `mio:wake_sent` and
/// `mio:wake_coalesced`.
export class PollCounters {
  public:
    PollCounters() noexcept = default;
    PollCounters(const PollCounters&) = delete;
    PollCounters& operator=(const PollCounters&) = delete;

    /// Number of polls that have ended, including those that failed or timed out.
    [[nodiscard]] inline std::uint64_t polls() const noexcept { return read(polls_); }
    /// Number of events that they reported.
    [[nodiscard]] inline std::uint64_t events() const noexcept { return read(events_); }
    /// Number of wake-ups that were signalled to the poll, also those after its destruction.
    [[nodiscard]] inline std::uint64_t wakes_sent() const noexcept { return read(wakes_sent_); }
    /// Number of wake-ups that found an earlier one signalled and not yet reported. They made no system call.
    [[nodiscard]] inline std::uint64_t wakes_coalesced() const noexcept { return read(wakes_coalesced_); }
    /// Total duration of the polls: waiting, and the work of the kernel and the backend.
    [[nodiscard]] inline std::chrono::nanoseconds time_in_polls() const noexcept {
        return std::chrono::nanoseconds(static_cast<std::int64_t>(read(time_in_polls_)));
    }
    /// The longest time between the end of a poll and the beginning of the next: the longest time for which the
    /// program's own work delayed an event.
    [[nodiscard]] inline std::chrono::nanoseconds longest_gap() const noexcept {
        return std::chrono::nanoseconds(static_cast<std::int64_t>(read(longest_gap_)));
    }

  private:
    friend class Poll;
    friend class Waker;

    using Value = std::atomic<std::uint64_t>;
    using Clock = std::chrono::steady_clock;

    [[nodiscard]] inline static std::uint64_t read(const Value& value) noexcept {
        return value.load(std::memory_order_relaxed);
    }
    void begin_poll() noexcept;
    void end_poll(std::size_t events) noexcept;

    Value polls_ = 0, events_ = 0, time_in_polls_ = 0, longest_gap_ = 0; // written by the polling thread only
    Value wakes_sent_ = 0, wakes_coalesced_ = 0;
    Clock::time_point began_{}, ended_{};
    bool has_ended_ = false;
};

/// The set of sources that a `Poll` watches. Any thread may call any member, also while another thread polls.
///
/// For one source, `add` and `remove` must not overlap with any other use of it: I/O, `modify`, `renew`, or
/// moving, releasing or destroying it. `modify` and `renew` may overlap with I/O on the source, but not with each
/// other. The calls for handles may overlap in every way.
export class Registry {
  public:
    Registry(Registry&&) noexcept = default; // not copyable: see `try_clone`
    Registry& operator=(Registry&&) noexcept = default;

    /// Starts to watch `source`. Its readiness for `interest` is reported with `token`, by later polls and by
    /// a poll that is already in progress. A condition that already holds is reported too.
    ///
    /// Errors leave the source unchanged:
    /// - `Errc::already_registered`: it is registered with this `Poll`, or with another that still exists;
    /// - `Errc::unsupported`: the backend cannot watch for this interest;
    /// - the OS's own: the handle is not open, cannot be watched (a regular file: see "Kinds of files" in
    ///   `docs/backends.md`), or is already watched through another source; too many watches; out of memory.
    /// @see epoll_ctl(2), kevent(2)
    template <Registrable S>
    [[nodiscard]] Result<> add(S& source, Token token, Interest interest,
                               Trigger trigger = Trigger::edge) const {
        return source_of(source).add_to(*this, token, interest, trigger);
    }

    /// Replaces the token, interest and trigger of a registered source. A condition that holds is reported
    /// again.
    ///
    /// Errors leave the source unchanged: `Errc::not_registered`, also if the handle was closed and another
    /// source was added with the same number; `Errc::other_registry` if it is registered with another `Poll`;
    /// `Errc::unsupported`; the OS's own, such as for a handle that was closed.
    template <Registrable S>
    [[nodiscard]] Result<> modify(S& source, Token token, Interest interest,
                                  Trigger trigger = Trigger::edge) const {
        return source_of(source).modify_in(*this, token, interest, trigger);
    }

    /// Reports again every condition that holds, with the token, interest and trigger that are in effect: as
    /// `modify` with the same values. For programs that stop before an operation would block, for example after
    /// a share of the work, and for `Trigger::oneshot`, which it arms again.
    ///
    /// Errors leave the source unchanged: as `modify`. Also `invalid_argument` for an exclusive registration on
    /// epoll (see `mio::sys::epoll::WatchOptions`).
    template <Registrable S>
    [[nodiscard]] Result<> renew(S& source) const
        requires requires(const Registry& registry) {
            { source_of(source).renew_in(registry) } -> std::same_as<Result<>>;
        }
    {
        return source_of(source).renew_in(*this);
    }

    /// Stops watching `source`. No poll that starts afterwards reports this registration, even if it was
    /// ready. Also succeeds if the kernel dropped the registration because the handle was closed.
    ///
    /// Errors: `Errc::not_registered`; `Errc::other_registry`; the OS's own.
    template <Registrable S> [[nodiscard]] Result<> remove(S& source) const {
        return source_of(source).remove_from(*this);
    }

    /// The same for a handle that belongs to other code, such as libcurl, c-ares or D-Bus. No object has to
    /// outlive the registration: this `Poll` keeps its state, and identifies it by the handle. Only `add`
    /// allocates. Remove a handle before it is closed; "Handles without an object" in `docs/backends.md` says
    /// what happens otherwise.
    ///
    /// Errors of `add`: `Errc::already_registered` if the handle is registered through this call. If it was
    /// closed and its number reused, `add` succeeds where the backend can know that, and otherwise fails with
    /// this error, after which `modify` watches the new file. `std::errc::file_exists`, or on some backends no
    /// error, if a source is registered for the same handle; as for a source.
    /// Errors of the other calls: `Errc::not_registered` if the handle is not registered with this `Poll` through
    /// `add`, or was closed and its number reused, where the backend can know that; the OS's own. A `Poll` does
    /// not know the handles of other ones, so `Errc::other_registry` is not reported. @{
    [[nodiscard]] Result<> add(RawHandle handle, Token, Interest, Trigger = Trigger::edge) const noexcept;
    [[nodiscard]] Result<> modify(RawHandle handle, Token, Interest, Trigger = Trigger::edge) const noexcept;
    [[nodiscard]] Result<> renew(RawHandle handle) const noexcept;
    [[nodiscard]] Result<> remove(RawHandle handle) const noexcept;
    /// @}

    /// As `RawSource::try_io`, for a handle without an object. `f` also runs if the handle is not registered.
    template <class F> [[nodiscard]] auto try_io(RawHandle handle, Interest direction, F&& f) const {
        return run_noting(std::forward<F>(f), [&](bool blocked) {
            // A failure other than would-block need not concern a registered handle.
            auto noted = note_failure(handle, direction, blocked);
            return noted || noted.error() != Errc::not_registered ? noted : Result<>();
        });
    }
    /// Reports that an operation in `direction` would have blocked, for code whose operations do not run through
    /// `try_io`, such as a library that was called because of an event. With `Trigger::edge`, backends that
    /// emulate edges (poll, iocp) then watch for that direction again; others do nothing. Do not call it for a
    /// direction that is still ready: it would be reported at once. If the library does not say whether it
    /// stopped at would-block, use `renew`, or `Trigger::level`, which needs neither.
    ///
    /// Errors: `Errc::not_registered`, on backends that emulate edges; the OS's own.
    [[nodiscard]] Result<> exhausted(RawHandle handle, Interest direction) const noexcept;

    /// Another registry for the same `Poll`, for use by another thread. It stays valid after the `Poll` is
    /// destroyed. Sources can then be added through it, but they count as not registered and are never reported.
    [[nodiscard]] Result<Registry> try_clone() const;

    /// The selector's descriptor, for code that registers files with the kernel directly; `invalid_handle` if
    /// the backend has none. The registry keeps ownership.
    [[nodiscard]] int raw_fd() const noexcept;

  private:
    friend class sys::BackendAccess;
    friend class Poll;
    friend class Registration;
    friend class Waker;
    explicit Registry(SelectorOwner selector) noexcept : selector_(std::move(selector)) {}

    [[nodiscard]] void* native() const noexcept; // the selector, a `sys::native`
    [[nodiscard]] Result<> note_failure(RawHandle, Interest direction, bool blocked) const noexcept;

    SelectorOwner selector_;
};

/// Waits for readiness events. One thread polls at a time; sources are managed through `registry()`.
///
/// Sources may outlive it. Once it is destroyed they count as not registered and can be added to another
/// `Poll`. The selector's descriptor stays open until those sources, the clones of the registry and the
/// wakers are destroyed too. A moved-from `Poll` can only be destroyed or assigned to.
export class Poll {
  public:
    /// Creates a `Poll` with no sources. Errors: the OS's own, when it is out of descriptors or memory.
    /// @see epoll_create1(2), kqueue(2)
    [[nodiscard]] static Result<Poll> create();

    Poll(Poll&&) noexcept = default;
    inline Poll& operator=(Poll&& other) noexcept {
        Poll taken(std::move(other));
        std::swap(registry_, taken.registry_);
        std::swap(spin_, taken.spin_);
        return *this;
    }
    /// After destruction, its sources count as not registered.
    inline ~Poll() { retire(); }

    /// Waits for at least one event, for at most `timeout`, or indefinitely without a timeout.
    ///
    /// A timeout of zero or less does not block. Any duration type is accepted; a value that does not fit in
    /// nanoseconds is clamped to the maximum (292 years). Without an event, the call does not return before
    /// `timeout` has elapsed. The resolution is a nanosecond where the kernel supports it, otherwise a
    /// millisecond, rounded up. Scheduling may add delay. On timeout, `events` is empty. The call does not
    /// allocate.
    ///
    /// Errors leave `events` empty:
    /// - `Errc::no_capacity`: `events` has capacity 0;
    /// - interrupted (`EINTR`; see `interrupted`): a signal handler ran. The call is not retried; see
    ///   `poll_until`.
    /// @see epoll_wait(2), epoll_pwait2(2), kevent(2)
    [[nodiscard]] Result<> poll(Events& events,
                                std::optional<Saturating<std::chrono::nanoseconds>> timeout = std::nullopt);

    /// As `poll`, with a deadline instead of a timeout. A signal does not end the wait.
    [[nodiscard]] Result<> poll_until(Events& events, std::chrono::steady_clock::time_point deadline);
    /// The same for a time point with another unit; clamped as a timeout is.
    template <class Duration>
    [[nodiscard]] Result<> poll_until(Events& events,
                                      std::chrono::time_point<std::chrono::steady_clock, Duration> deadline) {
        using Deadline = std::chrono::steady_clock::time_point;
        return poll_until(events, Deadline(saturated<Deadline::duration>(deadline.time_since_epoch())));
    }

    /// As above, and counts the poll; see `PollCounters`. Each wait that a signal interrupts counts as a poll. @{
    [[nodiscard]] Result<> poll(Events& events, std::optional<Saturating<std::chrono::nanoseconds>> timeout,
                                PollCounters& counters);
    [[nodiscard]] Result<> poll_until(Events& events, std::chrono::steady_clock::time_point deadline,
                                      PollCounters& counters);
    /// @}

    /// Sets how long a poll spins before it sleeps: it polls repeatedly without blocking for up to `limit`.
    /// 0, the initial value, turns spinning off; a negative `limit` counts as 0. Do not call it while another
    /// thread polls.
    ///
    /// An event that arrives during the spin is reported without the delay of a thread's sleep and wake-up,
    /// which is tens of microseconds between two processors. In exchange, the thread occupies a processor
    /// while idle; threads that share that processor become slower.
    ///
    /// The spin counts towards the timeout, which stays exact. A signal does not end a spin.
    void set_spin(Saturating<std::chrono::nanoseconds> limit) noexcept;
    [[nodiscard]] inline std::chrono::nanoseconds spin() const noexcept { return spin_; }

    /// The registry through which sources are added, modified and removed. Valid for the lifetime of this
    /// `Poll`.
    [[nodiscard]] inline const Registry& registry() const& noexcept { return registry_; }
    const Registry& registry() const&& = delete; // it would dangle

    /// The selector's descriptor, which another selector can watch: it is readable while events are pending.
    /// `invalid_handle` if the backend has none.
    [[nodiscard]] int raw_fd() const noexcept { return registry_.raw_fd(); }

  private:
    explicit Poll(Registry registry) noexcept : registry_(std::move(registry)) {}

    void retire() noexcept;
    [[nodiscard]] Result<> poll_spinning(Events&, std::optional<std::chrono::nanoseconds> timeout) noexcept;

    Registry registry_;
    std::chrono::nanoseconds spin_{0};
};

/// The registration of a source; one word on every backend. For authors of sources.
///
/// Store one beside the handle, and end or destroy it before the handle is closed. Destroying, replacing or
/// ending it ends the registration in the kernel, even if duplicates of the handle exist. Several threads may
/// call `run` at once, also during `modify`; no other calls may overlap.
export class Registration {
  public:
    Registration() noexcept = default;
    inline Registration(Registration&& other) noexcept : state_(std::exchange(other.state_, 0)) {}
    inline Registration& operator=(Registration&& other) noexcept {
        Registration taken(std::move(other));
        std::swap(state_, taken.state_);
        return *this;
    }
    inline ~Registration() { end(); }

    /// As in `Registry`, for `handle`.
    [[nodiscard]] Result<> add(const Registry&, RawHandle handle, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Result<> modify(const Registry&, RawHandle handle, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Result<> remove(const Registry&, RawHandle handle) noexcept;
    [[nodiscard]] Result<> renew(const Registry&) noexcept;

    /// Ends the registration. Call it before the handle is closed or released. No effect if there is no
    /// registration.
    inline void end() noexcept {
        if (state_ != 0) forget();
    }

    /// Runs `operation`, which returns a `std::expected`, and returns its result. Each operation on the handle
    /// that may fail with would-block must run through this call: a backend that emulates edges then watches
    /// again for `direction`, and for nothing else. After any other error the backend checks whether an error
    /// that it reported is still pending. On epoll and kqueue the call has no cost.
    ///
    /// The error may have any type that models `BlockingError`. If watching again fails, that error replaces
    /// would-block, provided that the type can be made from a `std::error_code` or a `std::error_condition`.
    template <class F>
    auto run(Interest direction, F&& operation) const -> decltype(std::forward<F>(operation)()) {
        return run_noting(std::forward<F>(operation),
                          [&](bool blocked) { return note_failure(direction, blocked); });
    }

    /// As `run` of an operation that would block, without one: see `RawSource::exhausted`.
    void exhausted(Interest direction) const noexcept;

  private:
    [[nodiscard]] Result<> check_belongs_to(const Registry&) const noexcept;
    [[nodiscard]] Result<> note_failure(Interest direction, bool blocked) const noexcept;
    void forget() noexcept;

    std::uint64_t state_ = 0; // 0: not registered; otherwise the value that the backend's `add` returned
};

/// Interrupts a poll from another thread. A `Poll` can have any number of wakers, each with its own token.
///
/// Keep it alive until its wake-ups are reported: on some backends, destroying it discards a pending wake-up.
/// A moved-from waker can only be destroyed or assigned to.
export class Waker {
  public:
    /// Creates a waker whose wake-ups are reported as readable events with `token`. Errors: the OS's own.
    /// @see eventfd(2)
    [[nodiscard]] static Result<Waker> create(const Registry&, Token token);

    inline Waker(Waker&& other) noexcept : body_(std::exchange(other.body_, nullptr)) {}
    inline Waker& operator=(Waker&& other) noexcept {
        Waker taken(std::move(other));
        std::swap(body_, taken.body_);
        return *this;
    }
    ~Waker();

    /// Makes the current poll, or the next one, report an event. Any thread may call it at any time.
    ///
    /// Wake-ups that precede the poll that reports them are coalesced into one event; while one is pending,
    /// further ones make no system call. Writes by the calling thread before `wake` are visible after the
    /// poll that reports it. After the `Poll` is destroyed, the call succeeds and has no effect. It never
    /// blocks. On POSIX systems, a signal handler may call it, also one that interrupts another `wake` of the
    /// same waker: it takes no lock, does not allocate, and leaves `errno` unchanged. Errors: the OS's own.
    /// @see signal-safety(7)
    [[nodiscard]] Result<> wake() const noexcept;
    /// The same, and counts the wake-up.
    [[nodiscard]] Result<> wake(PollCounters& counters) const noexcept;

  private:
    struct Body;
    explicit Waker(Body* body) noexcept : body_(body) {}

    Body* body_;
};

/// The name of the backend of `Poll`: "epoll", "poll", "kqueue" or "iocp".
export std::string_view backend() noexcept;

} // namespace mio
