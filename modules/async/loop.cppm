/// @file
/// The event loop of one thread, cancellation scopes, and the parts from which awaitables are built.

export module mio.async.loop;

import mio.std;
import mio.core;
import mio.time;
import mio.async.internal;

namespace mio::async {

using time::Clock;
using time::Instant;

export class Loop;
export class LoopCore;
export class Scope;
export struct Frame;

/// The error of an operation that was cancelled; equal to `std::errc::operation_canceled`.
export [[nodiscard]] std::error_code canceled_error() noexcept;

// Cancellation.

/// An entry of a `Scope`: an operation that ends when the scope is cancelled, or a scope inside it.
export struct Hook : Link<CancelTag> {
    enum class Kind : std::uint8_t {
        operation, ///< `on_cancel` is called
        scope,     ///< cancelled as well
        shield,    ///< a scope that is not
    };
    Hook() noexcept = default;
    inline explicit Hook(Kind initial) noexcept : kind(initial) {}

    /// Ends the operation. Called once, after the hook has left the scope. It schedules the frame and runs no
    /// code of the program.
    void (*on_cancel)(Hook&) noexcept;
    /// The coroutine that waits for the operation.
    Frame* frame;
    /// The operation's name, for `dump`.
    const char* name;
    Kind kind = Kind::operation;
};

/// Work that can be cancelled as one: the operations and scopes inside it, and theirs.
///
/// Cancellation is cooperative. Waiting operations end with `std::errc::operation_canceled`; operations that
/// start afterwards fail with it without being tried. The coroutines continue: they see the error and return.
/// Data that was transferred before is not lost; see each operation. A scope stays cancelled.
///
/// Work runs inside a scope through `within`, a `Group` or a combinator. A scope must outlive the work in it.
/// It cannot be moved, and belongs to one loop's thread.
export class Scope : Hook {
  public:
    inline Scope() noexcept : Hook(Kind::scope) {}
    ~Scope();

    /// Cancels the work in this scope. No coroutine is resumed before this call returns.
    void cancel() noexcept;
    [[nodiscard]] inline bool is_cancelled() const noexcept { return is_cancelled_; }

    /// For authors of awaitables. Nests this scope in `parent`, until `leave` or destruction: cancelling `parent`
    /// cancels it as well. If `parent` is already cancelled, so is this scope.
    inline void enter(Scope& parent) noexcept {
        parent_ = &parent;
        if (parent.is_cancelled_) [[unlikely]]
            is_cancelled_ = true;
        parent.hooks_.push_back(*this);
    }
    /// As `enter`, but `parent` does not cancel this scope; it only lists it for `dump`.
    inline void enter_shielded(Scope& parent) noexcept {
        kind = Kind::shield;
        parent_ = &parent;
        parent.hooks_.push_back(*this);
    }
    inline void leave() noexcept {
        unlink();
        parent_ = nullptr;
    }
    /// For `is_cancelled_with`, this scope then counts as nested in `other`, whose cancellation the caller relays.
    /// Null: in none.
    inline void nest_also_in(const Scope* other) noexcept { other_parent_ = other; }
    /// Calls `hook.on_cancel` when the scope is cancelled, unless the hook is unlinked or destroyed before.
    inline void add(Hook& hook) noexcept { hooks_.push_back(hook); }
    /// Whether this scope was cancelled by a cancellation that reaches `other` as well.
    [[nodiscard]] bool is_cancelled_with(const Scope& other) const noexcept;
    /// Calls `f` with each hook, operations and scopes.
    template <class F> void for_each_hook(F&& f) const { hooks_.for_each(f); }
    /// Converts a hook of the kind `scope` or `shield` to the scope that it is.
    [[nodiscard]] inline static const Scope& of(const Hook& hook) noexcept {
        return static_cast<const Scope&>(hook);
    }

  private:
    friend class Loop;
    inline void restore() noexcept { is_cancelled_ = false; }

    [[nodiscard]] bool contains(const Scope& other) const noexcept;

    List<Hook, CancelTag> hooks_;
    Scope* parent_ = nullptr;
    const Scope* other_parent_ = nullptr;
    bool is_cancelled_ = false;
};

// Coroutines.

/// The part of a coroutine's promise that loop and awaitables use. A suspended coroutine waits for one thing at
/// a time.
export struct Frame : Link<ReadyTag>, Link<RootTag> {
    std::coroutine_handle<> coroutine;
    LoopCore* loop = nullptr;   ///< where it runs; null before it starts
    Scope* scope = nullptr;     ///< the scope of the operations that it awaits
    Frame* parent = nullptr;    ///< the coroutine that awaits this one; null for the outermost
    Frame* child = nullptr;     ///< the suspended task that this one awaits
    Frame** owner = nullptr;    ///< the pointer to this frame in the task that `parent` awaits
    std::source_location where; ///< of the last co_await
};

/// Internal: destroys a suspended coroutine and the tasks that it awaits, innermost first, without recursion.
export void destroy_chain(Frame& frame) noexcept;

/// The loop and the scope of a coroutine; see `this_context`.
export struct Context {
    LoopCore* loop = nullptr;
    Scope* scope = nullptr;
};

// Sources.

export enum class Direction : std::uint8_t { read = 0, write = 1 };

/// A suspended operation on a source.
export struct Waiter : Hook, Link<WaitTag> {
    /// Retries the operation and stores its result. Returns false if it would still block, after `Slot::blocked`.
    bool (*attempt)(Waiter&) noexcept;
};

class SlotTable;
class Turn;

/// Internal: a loop's state of a registered source, whose token is made from its address.
export class Slot {
  public:
    /// Whether to try an operation: the direction is not known to block, and no other operation is queued.
    [[nodiscard]] inline bool may_try(Direction direction) const noexcept {
        const auto way = static_cast<unsigned>(direction);
        return (ready_ >> way & 1) != 0 && waiting_[way].empty();
    }
    /// Records that an operation would have blocked; the next event resets it.
    inline void blocked(Direction direction) noexcept {
        ready_ = static_cast<std::uint8_t>(ready_ & ~(1u << static_cast<unsigned>(direction)));
    }
    /// Whether an event reported that the direction is closed or has failed, or that there is urgent data to read. A
    /// short transfer then does not mean that the next one would block.
    [[nodiscard]] inline bool is_closed(Direction direction) const noexcept {
        return (closed_ >> static_cast<unsigned>(direction) & 1) != 0;
    }
    /// Queues an operation.
    inline void wait(Direction direction, Waiter& waiter) noexcept {
        waiting_[static_cast<unsigned>(direction)].push_back(waiter);
    }
    /// Queues an operation that ends at an event with `is_error` or `is_write_closed`. Returns true, without queueing
    /// it, if such an event has arrived since the last call.
    [[nodiscard]] bool wait_for_hang_up(Waiter& waiter) noexcept;
    /// The loop that the source is registered with; null once the loop is destroyed.
    [[nodiscard]] inline LoopCore* loop() const noexcept { return loop_; }
    [[nodiscard]] Token token() const noexcept;
    /// Ends all queued operations with `operation_canceled`.
    void cancel_waiters() noexcept;
    /// Ends all queued operations and frees the slot. The source's registration must end before the loop polls
    /// again.
    void close() noexcept;

  private:
    friend class LoopCore;
    friend class SlotTable;
    friend class Turn;

    List<Waiter, WaitTag> waiting_[2];
    List<Waiter, WaitTag> waiting_for_hang_up_;
    LoopCore* loop_ = nullptr;
    SlotTable* table_ = nullptr;
    Slot* next_ = nullptr;  // in the list of free slots, or of those closed during this batch
    Slot* again_ = nullptr; // in the list of slots to retry without a new event
    std::uint8_t ready_ = 0;
    std::uint8_t closed_ = 0;
    bool is_open_ = false;
    bool is_again_ = false;
    bool has_hung_up_ = false; // not yet reported to an operation
};

// Timers.

/// A timer of a loop, for authors of awaitables.
export struct LoopTimer : time::Timer {
    /// Called when the timer expires, after it was disarmed.
    void (*fire)(LoopTimer&) noexcept;
};

// Other threads.

/// A message from any thread to a loop, which calls `open` on its own thread. It is part of the sender's object;
/// posting does not allocate.
export struct Parcel : Link<ParcelTag> {
    /// Called once for each successful post, on the loop's thread. The parcel may then be posted again or
    /// destroyed. `there` is null if the loop was destroyed first.
    using Open = void (*)(Parcel& parcel, const Context* there) noexcept;

    inline explicit Parcel(Open on_open) noexcept : open(on_open) {}

    Open open;
    Parcel* next = nullptr; // in the inbox
};

// The queue of parcels posted to a loop, shared with its `RemoteLoop`s.
class Inbox;

/// A handle to a loop, for other threads. Copies refer to the same loop. Any thread may use it at any time, even
/// after the loop is destroyed.
export class RemoteLoop {
  public:
    RemoteLoop(const RemoteLoop& other) noexcept;
    inline RemoteLoop(RemoteLoop&& other) noexcept : inbox_(std::exchange(other.inbox_, nullptr)) {}
    inline RemoteLoop& operator=(RemoteLoop other) noexcept {
        std::swap(inbox_, other.inbox_);
        return *this;
    }
    ~RemoteLoop();

    /// Posts `parcel`. It must stay valid, and must not be posted again, until the loop has opened it. The loop
    /// opens the parcels of one thread in the order in which they were posted. Does not allocate. Makes no system
    /// call on the loop's own thread, or if other parcels are already pending.
    ///
    /// Writes of the caller before the call are visible to `Parcel::open`. Error: `operation_canceled` if the
    /// loop is destroyed; the parcel is then not opened.
    [[nodiscard]] Result<> post(Parcel& parcel) const noexcept;

    /// Runs `fn` on the loop's thread and waits for its result, on the loop of the caller:
    ///
    ///     auto size = co_await remote.call([&table] { return table.size(); });
    ///
    /// `fn` may return a value, nothing, or a `Task`, which then runs on that loop. A `Result<T>` is returned as
    /// it is, another `T` as `Result<T>`; an exception is rethrown. `fn` and its result move between the threads
    /// and must own the data that they use.
    ///
    /// Errors: `operation_canceled` if the loop is destroyed before `fn` has ended, or if the waiting scope is
    /// cancelled; if `fn`, or its task, has started, it then still runs to its end, and the result is discarded.
    /// `not_enough_memory`. Requires `import mio.async.sync;`.
    template <class F> [[nodiscard]] auto call(F fn) const { return make_call(*this, std::move(fn)); }

    /// Whether both refer to the same loop.
    friend bool operator==(const RemoteLoop& a, const RemoteLoop& b) noexcept { return a.inbox_ == b.inbox_; }

  private:
    friend class LoopCore;
    explicit RemoteLoop(Inbox* inbox) noexcept;

    Inbox* inbox_;
};

// The loop.

/// Internal: coroutines that were started by `spawn` and have no parent. Destroying the list destroys them where they
/// are suspended, the latest first.
export class TaskList : public Link<GroupTag> {
  public:
    explicit TaskList(LoopCore& loop) noexcept;
    inline ~TaskList() { drop(); }

    /// The loop; null once it is destroyed.
    [[nodiscard]] inline LoopCore* loop() const noexcept { return loop_; }
    [[nodiscard]] inline bool empty() const noexcept { return frames_.empty(); }
    inline void add(Frame& frame) noexcept { frames_.push_back(frame); }
    void drop() noexcept;

  private:
    friend class LoopCore;

    List<Frame, RootTag> frames_;
    LoopCore* loop_;
};

/// The part of a `Loop` that awaitables use. `Context::loop` points to it.
export class LoopCore {
  public:
    LoopCore(const LoopCore&) = delete;
    LoopCore& operator=(const LoopCore&) = delete;

    [[nodiscard]] inline const Registry& registry() const noexcept { return poll_->registry(); }
    /// The outermost scope.
    [[nodiscard]] inline Scope& root() noexcept { return root_; }
    [[nodiscard]] inline const Scope& root() const noexcept { return root_; }
    /// The tasks that `spawn` started.
    [[nodiscard]] inline TaskList& tasks() noexcept { return tasks_; }
    [[nodiscard]] RemoteLoop remote() const noexcept;

    /// Resumes `frame` after the next poll.
    inline void schedule(Frame& frame) noexcept { ready_.push_back(frame); }
    /// Resumes a coroutine now; for handlers of events, timers and parcels.
    inline void resume(std::coroutine_handle<> coroutine) noexcept {
        budget_ = time_slice;
        run(coroutine);
    }
    /// Counts an operation that completed at once against the coroutine's time slice. Returns false if the
    /// coroutine should let others run first.
    [[nodiscard]] inline bool spend() noexcept { return --budget_ > 0; }

    /// Arms `timer`. Error: `not_enough_memory`.
    [[nodiscard]] inline Result<> arm(LoopTimer& timer, Clock::time_point deadline) noexcept {
        return timers_.insert(timer, deadline);
    }
    inline void disarm(LoopTimer& timer) noexcept { timers_.cancel(timer); }
    inline void postpone(LoopTimer& timer, Clock::time_point later) noexcept {
        timers_.postpone(timer, later);
    }

    /// A slot for a source that is about to be registered; null if memory is exhausted.
    [[nodiscard]] Slot* open_slot() noexcept;

    /// As `RemoteLoop::post`, from any thread, while the loop exists.
    void post(Parcel& parcel) noexcept;
    /// Removes a parcel that was posted to this loop and has not been opened.
    void withdraw(Parcel& parcel) noexcept;

    // Coroutines start and end without symmetric transfer, which GCC does not compile to a tail call below -O2 or
    // with its address sanitizer: a loop over tasks that end at once would exhaust the stack. A task is started by
    // a plain call instead, so that one that ends at once costs no more than a function. Beyond `nesting_limit`,
    // and at the end of a task that was suspended, the coroutine to continue with is passed to `run`.
    [[nodiscard]] inline bool enter() noexcept { return ++depth_ <= nesting_limit; }
    inline void exit() noexcept { --depth_; }
    inline void run_next(std::coroutine_handle<> coroutine) noexcept { next_ = coroutine; }
    /// Runs `coroutine`, then those passed to `run_next`, until they are suspended.
    inline void run(std::coroutine_handle<> coroutine) noexcept {
        coroutine.resume();
        while (next_) [[unlikely]]
            std::exchange(next_, nullptr).resume();
    }
    /// Starts a coroutine without a parent: now, or after the next poll if calls are nested too deeply.
    void start(Frame& frame) noexcept;
    /// Starts the coroutine that `run` waits for. Error: `resource_deadlock_would_occur` in a coroutine of this loop.
    [[nodiscard]] Result<> start_main(Frame& frame) noexcept;

  private:
    friend class Loop;
    friend class RemoteLoop;
    friend class Slot;
    friend class TaskList;
    friend class Turn;

    static constexpr int time_slice = 64;
    static constexpr int nesting_limit = 64;

    LoopCore(std::optional<Poll> own, Poll* borrowed, Inbox* inbox, SlotTable* slots,
             mio::Events&& events) noexcept;
    ~LoopCore();

    [[nodiscard]] Result<> turn(std::chrono::nanoseconds limit);
    [[nodiscard]] std::chrono::nanoseconds time_to_wait(std::chrono::nanoseconds limit) const noexcept;
    [[nodiscard]] bool handle(const mio::Event& event) noexcept;
    void finish() noexcept;
    [[nodiscard]] std::optional<Clock::time_point> deadline() const noexcept;

    [[nodiscard]] bool has_ready() const noexcept;
    void collect() noexcept;
    void receive(Parcel* latest) noexcept;
    void open_parcels() noexcept;
    void fire_timers() noexcept;
    void attempt_again() noexcept;

    std::optional<Poll> own_;
    Poll* poll_;
    std::coroutine_handle<> next_;
    int budget_ = time_slice;
    int depth_ = 0;
    bool is_turning_ = false;
    Inbox* inbox_;
    SlotTable* slots_;
    Slot* again_ = nullptr;
    List<Frame, ReadyTag> ready_;
    List<Parcel, ParcelTag> received_;
    time::TimerQueue timers_;
    mio::Events events_;
    Scope root_;
    List<TaskList, GroupTag> groups_;
    TaskList tasks_;
};

/// The event loop of one thread. Coroutines, sockets, timers and scopes that it runs belong to that thread; only
/// `RemoteLoop` and `Channel` may be used by others.
///
///     auto loop = mio::async::Loop::create();
///     if (!loop) return loop.error();
///     auto result = mio::async::run(*loop, serve());
///
/// Each turn polls for events and then resumes the coroutines that events, timers, other threads and other
/// coroutines have made ready. Those that become ready meanwhile wait for the next turn, so that none starves the
/// poll; so does a coroutine after 64 operations that complete at once.
///
/// Nothing is allocated in a steady state: operations, timers and posts are part of coroutine frames, and frames are
/// reused.
///
/// Destroying the loop destroys the spawned tasks where they are suspended, the latest first, then ends the
/// registrations. Sockets, groups and channels may outlive it. Destroy it on its thread. A moved-from loop can
/// only be destroyed or assigned to.
export class Loop {
  public:
    /// Creates a loop with its own `Poll`, for up to `events` events per turn. Errors: as
    /// `Poll::create` and `Waker::create`; `Errc::no_capacity` if `events` is 0; `not_enough_memory`.
    [[nodiscard]] static Result<Loop> create(std::size_t events = 256);

    /// Creates a loop over the program's own `poll`, which must outlive it. The program polls until `deadline`,
    /// passes each event to `handle`, and calls `finish` after each batch, even an empty one:
    ///
    ///     poll.poll_until(events, loop.deadline().value_or(mio::time::Clock::time_point::max()));
    ///     for (const auto& event : events)
    ///         if (!loop.handle(event)) on_event(event);
    ///     loop.finish();
    ///
    /// Tokens with the top bit set belong to such loops; a poll may have several of them. Destroy one only between
    /// batches, since its events may be passed to another loop. Errors: as `create`.
    [[nodiscard]] static Result<Loop> over(Poll& poll);

    inline Loop(Loop&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
    inline Loop& operator=(Loop&& other) noexcept {
        Loop taken(std::move(other));
        std::swap(core_, taken.core_);
        return *this;
    }
    ~Loop();

    /// Makes one turn. If nothing is ready, it waits for at most `limit`, or indefinitely without a limit.
    ///
    /// A signal ends the wait like an event. Errors: the OS's own; `Errc::unsupported` for a loop made by
    /// `over`; `resource_deadlock_would_occur` if it is called by a coroutine of this loop.
    [[nodiscard]] inline Result<>
    turn(std::optional<Saturating<std::chrono::nanoseconds>> limit = std::nullopt) {
        return core_->turn(limit ? std::chrono::nanoseconds(*limit) : forever);
    }

    /// The time until which a poll may wait: in the past if something is ready, `nullopt` if no timer is armed.
    [[nodiscard]] std::optional<Clock::time_point> deadline() const noexcept;
    /// Resumes the coroutines that wait for `event`. Returns false, without effect, if the event does not belong to
    /// this loop.
    bool handle(const mio::Event& event) noexcept;
    /// Ends a batch of events: resumes the coroutines that timers, other threads and coroutines have made ready.
    void finish() noexcept;

    /// A handle to this loop for other threads.
    [[nodiscard]] RemoteLoop remote() const noexcept { return core_->remote(); }

    /// Whether all tasks that `spawn` started have ended.
    [[nodiscard]] bool is_idle() const noexcept { return core_->tasks_.empty(); }
    /// Cancels all work of this loop, and makes turns until the spawned tasks have ended. New work may start
    /// afterwards. Errors: as `turn`.
    [[nodiscard]] Result<> shut_down();

    /// For `spawn`, and for authors of awaitables.
    [[nodiscard]] inline LoopCore& core() const noexcept { return *core_; }

  private:
    inline explicit Loop(LoopCore* core) noexcept : core_(core) {}
    [[nodiscard]] static Result<Loop> create(std::optional<Poll> own, Poll* borrowed, std::size_t events);
    static constexpr auto forever = std::chrono::nanoseconds::max();

    LoopCore* core_;
};

/// Lists the suspended operations, one per line, with the source locations at which the coroutines that await them
/// are suspended, innermost first. For diagnostics: the format may change.
export [[nodiscard]] std::string dump(const Loop& loop);

} // namespace mio::async
