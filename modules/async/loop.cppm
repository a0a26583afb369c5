/// @file
/// The event loop of one thread, cancellation scopes, and the parts from which awaitables are built.

export module mio.async.loop;

import mio.std;
import mio.core;
import mio.time;

namespace mio::async {

using time::Clock;
using time::Instant;

export class Loop;
export class LoopCore;
export class Scope;
export struct Frame;

/// The error of an operation that was cancelled; equal to `std::errc::operation_canceled`.
export [[nodiscard]] std::error_code canceled_error() noexcept;

// ---- Intrusive lists

/// A place in one list. `Tag` distinguishes several of one object. Destroying it removes it from its list.
export template <class Tag> class Link {
  public:
    Link() noexcept = default;
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;
    inline ~Link() { unlink(); }

    [[nodiscard]] inline bool is_linked() const noexcept { return next_ != nullptr; }
    inline void unlink() noexcept {
        if (next_ == nullptr) return;
        next_->previous_ = previous_;
        previous_->next_ = next_;
        next_ = nullptr;
    }

  private:
    template <class, class> friend class List;

    Link* next_ = nullptr; // null: in no list
    Link* previous_;       // valid while linked
};

/// A doubly linked list of `T`, which derive from `Link<Tag>`. It owns nothing and allocates nothing.
export template <class T, class Tag> class List {
    using Item = Link<Tag>;

  public:
    List() noexcept { head_.next_ = head_.previous_ = &head_; }
    List(const List&) = delete;
    List& operator=(const List&) = delete;
    inline ~List() {
        while (!empty()) pop_front();
        head_.next_ = nullptr;
    }

    [[nodiscard]] inline bool empty() const noexcept { return head_.next_ == &head_; }
    [[nodiscard]] inline T& front() noexcept { return static_cast<T&>(*head_.next_); }
    [[nodiscard]] inline T& back() noexcept { return static_cast<T&>(*head_.previous_); }
    inline void push_back(T& value) noexcept {
        Item& item = value;
        item.next_ = &head_;
        item.previous_ = head_.previous_;
        head_.previous_->next_ = &item;
        head_.previous_ = &item;
    }
    inline T& pop_front() noexcept {
        T& value = front();
        static_cast<Item&>(value).unlink();
        return value;
    }
    /// Moves all items of `other` to the front, in order.
    inline void take_front(List& other) noexcept {
        if (other.empty()) return;
        Item& first = *other.head_.next_;
        Item& last = *other.head_.previous_;
        other.head_.next_ = other.head_.previous_ = &other.head_;
        last.next_ = head_.next_;
        head_.next_->previous_ = &last;
        head_.next_ = &first;
        first.previous_ = &head_;
    }
    /// Calls `f` with each item. `f` must not change the list.
    template <class F> void for_each(F&& f) const {
        for (Item* item = head_.next_; item != &head_; item = item->next_) f(static_cast<T&>(*item));
    }

  private:
    Item head_;
};

export struct ReadyTag {};
export struct RootTag {};
export struct CancelTag {};
export struct WaitTag {};
export struct GroupTag {};
export struct ParcelTag {};

// ---- Cancellation

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
/// Cancellation is cooperative. Operations that wait end with `std::errc::operation_canceled`, and so does
/// each one that is begun afterwards, without being tried. The coroutines themselves go on: they see the error
/// and return. What an operation had transferred before is not lost; see each one. A scope stays cancelled.
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

    /// For authors of awaitables. Makes this a part of `parent`, until `leave` or destruction: it is cancelled
    /// with it, and at once if `parent` is cancelled.
    inline void enter(Scope& parent) noexcept {
        parent_ = &parent;
        if (parent.is_cancelled_) [[unlikely]]
            is_cancelled_ = true;
        parent.hooks_.push_back(*this);
    }
    /// As `enter`, but without being cancelled with `parent`, which only lists it for `dump`.
    inline void enter_shielded(Scope& parent) noexcept {
        kind = Kind::shield;
        parent_ = &parent;
        parent.hooks_.push_back(*this);
    }
    inline void leave() noexcept {
        unlink();
        parent_ = nullptr;
    }
    /// Calls `hook.on_cancel` when the scope is cancelled, unless the hook is unlinked or destroyed before.
    inline void add(Hook& hook) noexcept { hooks_.push_back(hook); }
    /// Whether the cancellation that reaches this scope is one that reaches `other` as well.
    [[nodiscard]] bool is_cancelled_with(const Scope& other) const noexcept;
    /// Calls `f` with each hook, operations and scopes.
    template <class F> void for_each_hook(F&& f) const { hooks_.for_each(f); }
    /// The scope that a hook of the kind `scope` or `shield` is.
    [[nodiscard]] inline static const Scope& of(const Hook& hook) noexcept {
        return static_cast<const Scope&>(hook);
    }

  private:
    friend class Loop;
    inline void restore() noexcept { is_cancelled_ = false; }

    List<Hook, CancelTag> hooks_;
    Scope* parent_ = nullptr;
    bool is_cancelled_ = false;
};

// ---- Coroutines

/// The part of a coroutine's promise that loop and awaitables use. A suspended coroutine waits for one thing at
/// a time.
export struct Frame : Link<ReadyTag>, Link<RootTag> {
    std::coroutine_handle<> coroutine;
    LoopCore* loop = nullptr;   ///< where it runs; null before it starts
    Scope* scope = nullptr;     ///< the innermost scope of what it awaits
    Frame* parent = nullptr;    ///< the coroutine that awaits this one; null for the outermost
    Frame* child = nullptr;     ///< the suspended task that this one awaits
    Frame** owner = nullptr;    ///< the pointer to this frame in the task that `parent` awaits
    std::source_location where; ///< of the last co_await
};

/// Destroys a suspended coroutine and the tasks that it awaits, innermost first, without recursion.
export void destroy_chain(Frame& frame) noexcept;

/// Allocates a coroutine frame. Frames of up to 16 KiB are taken from the thread's free lists, and go back
/// there. Throws `std::bad_alloc`.
export [[nodiscard]] void* allocate_frame(std::size_t size);
/// The same, but returns null without memory.
export [[nodiscard]] void* try_allocate_frame(std::size_t size) noexcept;
export void free_frame(void* frame, std::size_t size) noexcept;

/// While it exists, this thread returns the frames that it frees to the heap. For frames of other threads that this one would
/// only collect.
export class ReturnFrames {
  public:
    ReturnFrames() noexcept;
    ReturnFrames(const ReturnFrames&) = delete;
    ReturnFrames& operator=(const ReturnFrames&) = delete;
    ~ReturnFrames();

  private:
    unsigned char before_;
};

/// Where a coroutine runs, and in which scope; see `this_context`.
export struct Context {
    LoopCore* loop = nullptr;
    Scope* scope = nullptr;
};

// ---- Sources

export enum class Direction : std::uint8_t { read = 0, write = 1 };

/// A suspended operation on a source.
export struct Waiter : Hook, Link<WaitTag> {
    /// Repeats the operation and stores its result. False: it would still block, and `Slot::blocked` has been called.
    bool (*attempt)(Waiter&) noexcept;
};

class SlotTable;
class Turn;

/// What a loop keeps of a registered source. Its address is the source's token, with the top bit set.
export class Slot {
  public:
    /// Whether an operation is worth an attempt: nothing is known to block it, and no other waits before it.
    [[nodiscard]] inline bool may_try(Direction direction) const noexcept {
        const auto way = static_cast<unsigned>(direction);
        return (ready_ >> way & 1) != 0 && waiting_[way].empty();
    }
    /// After would-block: waits for the next event.
    inline void blocked(Direction direction) noexcept {
        ready_ = static_cast<std::uint8_t>(ready_ & ~(1u << static_cast<unsigned>(direction)));
    }
    /// Whether an event has shown that the direction is closed or has failed, or that there is urgent data to read,
    /// so that an operation that transferred less than it was asked to may not be the last.
    [[nodiscard]] inline bool is_closed(Direction direction) const noexcept {
        return (closed_ >> static_cast<unsigned>(direction) & 1) != 0;
    }
    /// Adds an operation behind those that wait already.
    inline void wait(Direction direction, Waiter& waiter) noexcept {
        waiting_[static_cast<unsigned>(direction)].push_back(waiter);
    }
    /// Adds an operation that ends when an event reports an error, or that nothing more can be written. True: an event
    /// has, since the last call, and `waiter` was not added.
    [[nodiscard]] bool wait_for_hang_up(Waiter& waiter) noexcept;
    /// The loop that the source is registered with; null if it is gone.
    [[nodiscard]] inline LoopCore* loop() const noexcept { return loop_; }
    [[nodiscard]] Token token() const noexcept;
    /// Ends all operations that wait, with `operation_canceled`.
    void cancel_waiters() noexcept;
    /// Ends all operations that wait and gives the slot back. The source's registration must end before the
    /// loop polls again.
    void close() noexcept;

  private:
    friend class LoopCore;
    friend class SlotTable;
    friend class Turn;

    List<Waiter, WaitTag> waiting_[2];
    List<Waiter, WaitTag> waiting_for_hang_up_;
    LoopCore* loop_ = nullptr;
    SlotTable* table_ = nullptr;
    Slot* next_ = nullptr;  // of the free ones, or of those that were closed during this batch
    Slot* again_ = nullptr; // of those with operations to attempt without a new event
    std::uint8_t ready_ = 0;
    std::uint8_t closed_ = 0;
    bool is_open_ = false;
    bool is_again_ = false;
    bool has_hung_up_ = false; // reported, and not yet to an operation
};

// ---- Timers

/// A timer of a loop, for authors of awaitables.
export struct LoopTimer : time::Timer {
    /// Called when it is due, after it was disarmed.
    void (*fire)(LoopTimer&) noexcept;
};

// ---- Other threads

/// A message to a loop from any thread, which the loop opens on its own thread. It is part of the sender's
/// object; posting does not allocate.
export struct Parcel : Link<ParcelTag> {
    /// Called once for each successful post, on the loop's thread, after which the parcel may be posted again
    /// or destroyed. `there` is null if the loop was destroyed before it could open the parcel.
    using Open = void (*)(Parcel& parcel, const Context* there) noexcept;

    inline explicit Parcel(Open on_open) noexcept : open(on_open) {}

    Open open;
    Parcel* next = nullptr; // in the inbox
};

// The parcels that were posted to a loop, shared with its `RemoteLoop`s.
class Inbox;

/// A handle to a loop, for other threads. Copies refer to the same loop. Any thread may use it at any time, also
/// after the loop is gone.
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
    /// opens parcels of one thread in the order in which they were posted. Does not allocate, and makes no
    /// system call if the loop has parcels to open anyway or if it is called on the loop's own thread.
    ///
    /// What the caller wrote before is visible to `Parcel::open`. Error: `operation_canceled` if the loop is
    /// gone; the parcel is then not opened.
    [[nodiscard]] Result<> post(Parcel& parcel) const noexcept;

    /// Runs `fn` on the loop's thread and waits for its result, on the loop of the caller:
    ///
    ///     auto size = co_await remote.call([&table] { return table.size(); });
    ///
    /// `fn` may return a value, nothing, or a `Task`, which then runs on that loop. A `Result<T>` is returned as
    /// it is, another `T` as `Result<T>`; an exception is thrown again. `fn` and its result cross between the
    /// threads, and must own what they use.
    ///
    /// Error: `operation_canceled` if the loop is destroyed before `fn` has ended, or if the waiting scope is cancelled.
    /// In that case `fn`, or its task, still runs to its end if it has begun, and the result is discarded. Without memory
    /// for the call: `not_enough_memory`. Needs `import mio.async.sync`.
    template <class F> [[nodiscard]] auto call(F fn) const { return make_call(*this, std::move(fn)); }

    /// Whether both refer to the same loop.
    friend bool operator==(const RemoteLoop& a, const RemoteLoop& b) noexcept { return a.inbox_ == b.inbox_; }

  private:
    friend class LoopCore;
    explicit RemoteLoop(Inbox* inbox) noexcept;

    Inbox* inbox_;
};

// ---- The loop

/// Coroutines that were started by `spawn` and have no parent. Destroying the list destroys them where they are
/// suspended, the latest first.
export class TaskList : public Link<GroupTag> {
  public:
    explicit TaskList(LoopCore& loop) noexcept;
    inline ~TaskList() { drop(); }

    /// The loop; null if it is gone.
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
    /// Takes from the running coroutine's time slice, at each operation that completes at once. False: the
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

    /// A slot for a source that is about to be registered; null without memory.
    [[nodiscard]] Slot* open_slot() noexcept;

    /// As `RemoteLoop::post`, from any thread, while the loop exists.
    void post(Parcel& parcel) noexcept;
    /// Takes back a parcel that was posted to this loop and has not been opened.
    void withdraw(Parcel& parcel) noexcept;

    // Starting and ending coroutines without symmetric transfer. With GCC below -O2, and with its address
    // sanitizer, that is no tail call, and a loop over tasks that end at once would run out of stack. Instead a
    // task is started by a plain call, so that one that ends at once costs no more than a function. Beyond a
    // depth, and at the end of a task that was suspended, the coroutine to go on with is passed to `run`.
    [[nodiscard]] inline bool enter() noexcept { return ++depth_ <= nesting_limit; }
    inline void exit() noexcept { --depth_; }
    inline void run_next(std::coroutine_handle<> coroutine) noexcept { next_ = coroutine; }
    /// Runs `coroutine` and those that it hands over to, until they are suspended.
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
/// Each turn polls for events first and then resumes what they, timers, other threads and the coroutines
/// themselves have made ready. A turn resumes only what was ready when it began to, so that no coroutine starves
/// the poll; 64 operations of one coroutine that complete at once make it wait for the next turn.
///
/// A steady state allocates nothing: operations, timers and posts are part of coroutine frames, and frames are
/// reused.
///
/// Destroying the loop destroys the spawned tasks where they are suspended, the latest first, then ends the
/// registrations. Sockets, groups and channels may outlive it. Destroy it on its thread. A moved-from loop can
/// only be destroyed or assigned to.
export class Loop {
  public:
    /// Creates a loop with a poll of its own, which takes up to `events` events per turn. Errors: as
    /// `Poll::create` and `Waker::create`; `Errc::no_capacity` if `events` is 0; `not_enough_memory`.
    [[nodiscard]] static Result<Loop> create(std::size_t events = 256);

    /// Creates a loop over the program's own `poll`, which must outlive it. The program polls until `deadline`,
    /// passes each event to `handle`, and calls `finish` after the last event of a batch, also of an empty one:
    ///
    ///     poll.poll_until(events, loop.deadline().value_or(mio::time::Clock::time_point::max()));
    ///     for (const auto& event : events)
    ///         if (!loop.handle(event)) on_event(event);
    ///     loop.finish();
    ///
    /// Tokens with the top bit set belong to such loops; a poll may have several of them. Destroy one only between
    /// batches, since another loop may be handed its events. Errors: as `create`.
    [[nodiscard]] static Result<Loop> over(Poll& poll);

    inline Loop(Loop&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
    inline Loop& operator=(Loop&& other) noexcept {
        Loop taken(std::move(other));
        std::swap(core_, taken.core_);
        return *this;
    }
    ~Loop();

    /// Makes one turn, which waits for at most `limit` if nothing is ready; without a limit until something is.
    ///
    /// A signal ends the wait like an event. Errors: the OS's own; `Errc::unsupported` for a loop made by
    /// `over`; `resource_deadlock_would_occur` if it is called by a coroutine of this loop.
    [[nodiscard]] inline Result<>
    turn(std::optional<Saturating<std::chrono::nanoseconds>> limit = std::nullopt) {
        return core_->turn(limit ? std::chrono::nanoseconds(*limit) : forever);
    }

    /// The time until which a poll may wait: in the past if something is ready, `nullopt` if nothing is due.
    [[nodiscard]] std::optional<Clock::time_point> deadline() const noexcept;
    /// Resumes what waits for `event`. False, and no effect, if the event is not this loop's.
    bool handle(const mio::Event& event) noexcept;
    /// Ends a batch of events: resumes what timers, other threads and coroutines have made ready.
    void finish() noexcept;

    /// A handle to this loop for other threads.
    [[nodiscard]] RemoteLoop remote() const noexcept { return core_->remote(); }

    /// Whether no task that `spawn` started is left.
    [[nodiscard]] bool is_idle() const noexcept { return core_->tasks_.empty(); }
    /// Cancels all work of this loop, and makes turns until the spawned tasks have ended. New work may begin
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

/// Describes what waits for what: a line for each suspended operation, with the places in the source at which the
/// coroutines around it wait, innermost first. For diagnostics: the format may change.
export [[nodiscard]] std::string dump(const Loop& loop);

} // namespace mio::async
