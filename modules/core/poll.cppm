/// @file
/// Waiting for readiness: `Poll`, the `Registry` of what it waits for, and the `Waker` that ends a wait.

export module mio.core.poll;

import mio.std;
import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.core.types;

namespace mio {

export class Registry;

/// Something that can be registered: the extension point of the library.
///
/// Every socket of `mio::net` models it. A type of your own usually holds one and passes the three calls on
/// to it through the `Registry`. They are called by `Registry` only, never by two threads at once for one
/// source. A source that is already registered, or not registered, says so with the `Errc` that `Registry`
/// documents.
export template <class S>
concept Source = requires(S& s, const Registry& registry, Token token, Interest interest, Trigger trigger) {
    { s.add_to(registry, token, interest, trigger) } -> std::same_as<Result<>>;
    { s.modify_in(registry, token, interest, trigger) } -> std::same_as<Result<>>;
    { s.remove_from(registry) } -> std::same_as<Result<>>;
};

/// The selector behind a `Poll` and all that share it. Defined with the bodies, where the backend is known.
struct SharedSelector;

/// One of the owners of a selector; the last one to go closes it.
class SelectorOwner {
  public:
    /// Takes over the count that `selector` was made with.
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

/// What a `Poll` waits for. Every member may be called by any thread, also while another one polls.
///
/// For one source, `add` and `remove` must not overlap with anything else that is done with it: I/O, `modify`, or moving,
/// releasing or destroying it. `modify` may overlap with I/O on the source, but not with another `modify`.
export class Registry {
  public:
    Registry(Registry&&) noexcept = default; // not copied: `try_clone` says what it does
    Registry& operator=(Registry&&) noexcept = default;

    /// Starts to watch `source`: from the next poll on, and in a poll that is under way, its readiness for
    /// `interest` is reported with `token`. A condition that holds already is reported too.
    ///
    /// Errors, each of which leaves the source as it was:
    /// - `Errc::already_registered`: it is registered, with this `Poll` or another that still lives;
    /// - `Errc::unsupported`: this backend cannot watch for that interest;
    /// - the OS's own: the handle is not open, is of a kind that cannot be watched (a regular file: see "Kinds
    ///   of files" in `docs/backends.md`), or is watched already through another source; too many watches; out of
    ///   memory.
    /// @see epoll_ctl(2), kevent(2)
    template <Source S>
    [[nodiscard]] Result<> add(S& source, Token token, Interest interest,
                               Trigger trigger = Trigger::edge) const {
        return source.add_to(*this, token, interest, trigger);
    }

    /// Replaces token, interest and trigger of a registered source. A condition that holds is reported again.
    ///
    /// Errors, each of which leaves the source as it was: `Errc::not_registered`, also if the handle was closed and
    /// another source was added with its number; `Errc::other_registry` if it is registered with another `Poll`;
    /// `Errc::unsupported`; the OS's own, such as for a handle that was closed.
    template <Source S>
    [[nodiscard]] Result<> modify(S& source, Token token, Interest interest,
                                  Trigger trigger = Trigger::edge) const {
        return source.modify_in(*this, token, interest, trigger);
    }

    /// Stops watching. No poll that starts afterwards reports this registration, whatever was ready before. Succeeds
    /// too if the kernel has dropped the registration since the handle was closed.
    ///
    /// Errors: `Errc::not_registered`; `Errc::other_registry`; the OS's own.
    template <Source S> [[nodiscard]] Result<> remove(S& source) const { return source.remove_from(*this); }

    /// Another handle to the same `Poll`, for another thread to keep. It stays valid, if useless, after the
    /// `Poll`: nothing reports what is added through it.
    [[nodiscard]] Result<Registry> try_clone() const;

    /// The selector's own descriptor, for foreign code that arms things itself; `invalid_handle` where the
    /// backend has none. The registry keeps owning it.
    [[nodiscard]] int raw_fd() const noexcept;

  private:
    friend class sys::BackendAccess;
    friend class Poll;
    friend class Registration;
    friend class Waker;
    explicit Registry(SelectorOwner selector) noexcept : selector_(std::move(selector)) {}

    [[nodiscard]] void* native() const noexcept; // the `sys::native` behind it

    SelectorOwner selector_;
};

/// Waits for readiness. One thread polls at a time; everything else goes through `registry()`.
///
/// Sources may outlive it: once it is gone they count as not registered, and can be added to another `Poll`. The selector's
/// descriptor stays open until those sources, the clones of the registry and the wakers are gone, too. A moved-from `Poll`
/// can only be destroyed or assigned to.
export class Poll {
  public:
    /// A new selector with nothing to wait for. Errors: the OS's own, when it is out of descriptors or
    /// memory.
    /// @see epoll_create1(2), kqueue(2)
    [[nodiscard]] static Result<Poll> create();

    Poll(Poll&&) noexcept = default;
    inline Poll& operator=(Poll&& other) noexcept {
        Poll taken(std::move(other));
        std::swap(registry_, taken.registry_);
        std::swap(spin_, taken.spin_);
        return *this;
    }
    /// Its sources count as not registered from now on.
    inline ~Poll() { retire(); }

    /// Waits until at least one event can be reported, at most for `timeout`, or for ever without one.
    ///
    /// With zero or less it only looks. A duration of any unit and type is taken; one that is too long to be counted in
    /// nanoseconds is as long as can be counted (292 years). The wait does not end without an event before `timeout` has
    /// passed; it is precise to the nanosecond where the kernel can (to the millisecond, rounded up, elsewhere) and may
    /// overrun by scheduling delay. When it ends with no event, `events` is empty. It does not allocate.
    ///
    /// Errors, after each of which `events` is empty:
    /// - `Errc::no_capacity`: `events` has no room;
    /// - interrupted (`EINTR`; see `interrupted`): a signal handler ran. Never retried here; see
    ///   `poll_until`.
    /// @see epoll_wait(2), epoll_pwait2(2), kevent(2)
    [[nodiscard]] Result<> poll(Events& events,
                                std::optional<Saturating<std::chrono::nanoseconds>> timeout = std::nullopt);

    /// As `poll`, until a moment instead of for a time, and a signal does not end it.
    [[nodiscard]] Result<> poll_until(Events& events, std::chrono::steady_clock::time_point deadline);
    /// The same for a time point that counts in another unit; saturated as a timeout is.
    template <class Duration>
    [[nodiscard]] Result<> poll_until(Events& events,
                                      std::chrono::time_point<std::chrono::steady_clock, Duration> deadline) {
        using Deadline = std::chrono::steady_clock::time_point;
        return poll_until(events, Deadline(saturated<Deadline::duration>(deadline.time_since_epoch())));
    }

    /// Makes each later poll spin before it sleeps: it polls without waiting, again and again, for up to `limit`.
    /// 0, the initial value, turns spinning off; a negative `limit` is 0. Do not call it while another thread polls.
    ///
    /// An event that arrives during the spin is reported without the delay of putting a thread to sleep and waking it,
    /// which is tens of microseconds between two processors. The price is a processor that is busy while nothing
    /// happens: where threads share one, everything becomes slower.
    ///
    /// The spin is part of the timeout, which stays exact. A signal does not end a spin.
    void set_spin(Saturating<std::chrono::nanoseconds> limit) noexcept;
    [[nodiscard]] inline std::chrono::nanoseconds spin() const noexcept { return spin_; }

    /// Where sources are added, modified and removed. Valid as long as this `Poll`.
    [[nodiscard]] inline const Registry& registry() const& noexcept { return registry_; }
    const Registry& registry() const&& = delete; // it would dangle

    /// The selector's own descriptor, which another selector can watch: it is readable while events are
    /// waiting. `invalid_handle` where the backend has none.
    [[nodiscard]] int raw_fd() const noexcept { return registry_.raw_fd(); }

  private:
    explicit Poll(Registry registry) noexcept : registry_(std::move(registry)) {}

    void retire() noexcept;
    [[nodiscard]] Result<> poll_spinning(Events&, std::optional<std::chrono::nanoseconds> timeout) noexcept;

    Registry registry_;
    std::chrono::nanoseconds spin_{0};
};

/// The registration of a source. One word, whatever the backend.
///
/// For writers of sources: hold one beside the handle, and end or destroy it before the handle is closed. Destroying,
/// replacing or ending it ends the registration in the kernel, whatever duplicates of the handle exist. `run` may be called
/// by several threads at once, also during `modify`; nothing else may overlap.
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

    /// Ends the registration, before the handle is closed or given up. Does nothing if there is none.
    inline void end() noexcept {
        if (state_ != 0) forget();
    }

    /// Runs `operation`, which returns a `Result`, and returns what it returned. Each operation on the handle
    /// that may answer "would block" has to run inside: a backend that emulates edges then watches again for
    /// `direction`, and for nothing else. Another failure tells it that an error that it reported may be gone.
    /// Costs nothing on epoll and kqueue, which need no such help.
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

    std::uint64_t state_ = 0; // 0: not registered; otherwise as the backend's `add` returned it
};

/// Ends a poll from another thread. Any number can belong to one `Poll`, each with its own token.
///
/// Keep it alive as long as its wakes matter: on some backends a wake not yet reported goes with it. A
/// moved-from waker can only be destroyed or assigned to.
export class Waker {
  public:
    /// A waker whose wakes are reported as readable events with `token`. Errors: the OS's own.
    /// @see eventfd(2)
    [[nodiscard]] static Result<Waker> create(const Registry&, Token token);

    inline Waker(Waker&& other) noexcept : body_(std::exchange(other.body_, nullptr)) {}
    inline Waker& operator=(Waker&& other) noexcept {
        Waker taken(std::move(other));
        std::swap(body_, taken.body_);
        return *this;
    }
    ~Waker();

    /// Makes the poll under way, or else the next one, report an event. Callable by any thread at any time.
    ///
    /// Wakes that come before the poll that reports them are one event; while one waits to be reported, the
    /// others make no system call. What the thread wrote before `wake` is visible after the poll that reports
    /// it. Once the `Poll` is gone it succeeds and does nothing. Never blocks. A signal handler may call it on
    /// Linux (it can change `errno`). Errors: the OS's own.
    [[nodiscard]] Result<> wake() const noexcept;

  private:
    struct Body;
    explicit Waker(Body* body) noexcept : body_(body) {}

    Body* body_;
};

/// The backend behind `Poll`: "epoll", "poll", "kqueue" or "iocp".
export std::string_view backend() noexcept;

} // namespace mio
