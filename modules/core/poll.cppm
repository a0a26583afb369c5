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

/// The set of sources that a `Poll` watches. Any thread may call any member, also while another thread polls.
///
/// For one source, `add` and `remove` must not overlap with any other use of it: I/O, `modify`, or moving,
/// releasing or destroying it. `modify` may overlap with I/O on the source, but not with another `modify`.
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
    template <Source S>
    [[nodiscard]] Result<> add(S& source, Token token, Interest interest,
                               Trigger trigger = Trigger::edge) const {
        return source.add_to(*this, token, interest, trigger);
    }

    /// Replaces the token, interest and trigger of a registered source. A condition that holds is reported
    /// again.
    ///
    /// Errors leave the source unchanged: `Errc::not_registered`, also if the handle was closed and another
    /// source was added with the same number; `Errc::other_registry` if it is registered with another `Poll`;
    /// `Errc::unsupported`; the OS's own, such as for a handle that was closed.
    template <Source S>
    [[nodiscard]] Result<> modify(S& source, Token token, Interest interest,
                                  Trigger trigger = Trigger::edge) const {
        return source.modify_in(*this, token, interest, trigger);
    }

    /// Stops watching `source`. No poll that starts afterwards reports this registration, even if it was
    /// ready. Also succeeds if the kernel dropped the registration because the handle was closed.
    ///
    /// Errors: `Errc::not_registered`; `Errc::other_registry`; the OS's own.
    template <Source S> [[nodiscard]] Result<> remove(S& source) const { return source.remove_from(*this); }

    /// Another registry for the same `Poll`, for use by another thread. It stays valid after the `Poll` is
    /// destroyed, but sources added through it are never reported.
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

    /// Ends the registration. Call it before the handle is closed or released. No effect if there is no
    /// registration.
    inline void end() noexcept {
        if (state_ != 0) forget();
    }

    /// Runs `operation`, which returns a `Result`, and returns its result. Each operation on the handle that
    /// may fail with would-block must run through this call: a backend that emulates edges then watches again
    /// for `direction`, and for nothing else. After any other error the backend checks whether an error that
    /// it reported is still pending. On epoll and kqueue the call has no cost.
    template <class F>
    auto run(Interest direction, F&& operation) const -> decltype(std::forward<F>(operation)()) {
        auto result = std::forward<F>(operation)();
        if (!result) [[unlikely]] {
            if (auto noted = note_failure(direction, result.error()); !noted)
                result = std::unexpected(noted.error());
        }
        return result;
    }

  private:
    [[nodiscard]] Result<> check_belongs_to(const Registry&) const noexcept;
    [[nodiscard]] Result<> note_failure(Interest direction, const std::error_code&) const noexcept;
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
    /// blocks. On Linux, a signal handler may call it (it can change `errno`). Errors: the OS's own.
    [[nodiscard]] Result<> wake() const noexcept;

  private:
    struct Body;
    explicit Waker(Body* body) noexcept : body_(body) {}

    Body* body_;
};

/// The name of the backend of `Poll`: "epoll", "poll", "kqueue" or "iocp".
export std::string_view backend() noexcept;

} // namespace mio
