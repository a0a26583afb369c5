/// @file
/// Coroutines: tasks, groups of them, combinators and time.

export module mio.async.task;

import mio.std;
import mio.core;
import mio.time;
import mio.async.internal;
import mio.async.loop;

namespace mio::async {

using time::Clock;

/// An object that a `Task` can `co_await`. `bind` receives the coroutine's frame before `await_ready` is called; from
/// then on the awaitable is not moved. `await_suspend` stores the frame for its completion, returns false to continue
/// at once, and resumes nothing itself. An awaitable that waits adds a `Hook` to the frame's scope. Its destructor
/// ends the wait.
export template <class A>
concept Awaitable = requires(A& awaitable, Frame& frame, std::coroutine_handle<> coroutine) {
    awaitable.bind(frame);
    { awaitable.await_ready() } -> std::convertible_to<bool>;
    awaitable.await_suspend(coroutine);
    awaitable.await_resume();
};

export template <class T = void> class Task;

/// Internal: the base of all promises.
export class PromiseBase : public Frame {
  public:
    [[nodiscard]] static void* operator new(std::size_t size) { return allocate_frame(size); }
    static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }

    struct Final {
        [[nodiscard]] inline bool await_ready() noexcept { return false; }
        template <class P> inline void await_suspend(std::coroutine_handle<P> self) noexcept {
            PromiseBase& promise = self.promise();
            if (promise.on_end != nullptr) {
                promise.on_end(promise); // may destroy the coroutine
            } else if (promise.is_starting) {
                promise.is_done = true;
            } else {
                promise.loop->run_next(promise.parent->coroutine);
            }
        }
        inline void await_resume() noexcept {}
    };
    [[nodiscard]] inline std::suspend_always initial_suspend() noexcept { return {}; }
    [[nodiscard]] inline Final final_suspend() noexcept { return {}; }
    inline void unhandled_exception() noexcept { failure = std::current_exception(); }

    template <class A>
        requires Awaitable<std::remove_reference_t<A>>
    [[nodiscard]] inline A&& await_transform(A&& awaitable,
                                             std::source_location at = std::source_location::current()) {
        where = at;
        awaitable.bind(*this);
        return static_cast<A&&>(awaitable);
    }
    template <class T>
    [[nodiscard]] inline auto
    await_transform(Task<T>&& task, std::source_location at = std::source_location::current()) noexcept {
        where = at;
        return typename Task<T>::Awaiter(std::move(task), *this);
    }

    /// Called at the end of a coroutine without a parent, which is suspended for the last time.
    void (*on_end)(PromiseBase&) noexcept = nullptr;
    void* listener = nullptr; ///< for `on_end`
    std::size_t index = 0;    ///< for `on_end`
    std::exception_ptr failure;
    bool is_starting = false; ///< by a call from the coroutine that awaits it
    bool is_done = false;     ///< it ended during that call

  protected:
    inline void rethrow() {
        if (failure) [[unlikely]]
            std::rethrow_exception(std::exchange(failure, nullptr));
    }
};

template <class T> class Promise final : public PromiseBase {
  public:
    inline Promise() noexcept { coroutine = std::coroutine_handle<Promise>::from_promise(*this); }
    [[nodiscard]] inline Task<T> get_return_object() noexcept;
    template <class U = T>
        requires std::constructible_from<T, U&&>
    inline void return_value(U&& value) {
        result_.emplace(std::forward<U>(value));
    }
    /// The result of the finished coroutine, or its exception.
    [[nodiscard]] inline T take() {
        rethrow();
        return std::move(*result_);
    }

  private:
    std::optional<T> result_;
};

template <class T> class Promise<T&> final : public PromiseBase {
  public:
    inline Promise() noexcept { coroutine = std::coroutine_handle<Promise>::from_promise(*this); }
    [[nodiscard]] inline Task<T&> get_return_object() noexcept;
    inline void return_value(T& value) noexcept { result_ = &value; }
    [[nodiscard]] inline T& take() {
        rethrow();
        return *result_;
    }

  private:
    T* result_ = nullptr;
};

template <> class Promise<void> final : public PromiseBase {
  public:
    inline Promise() noexcept { coroutine = std::coroutine_handle<Promise>::from_promise(*this); }
    [[nodiscard]] inline Task<void> get_return_object() noexcept;
    inline void return_void() noexcept {}
    inline void take() { rethrow(); }
};

// Ends the program with a message, in every build: a task without a coroutine was to be started.
[[noreturn]] void fail_empty_task() noexcept;

/// The owner of a coroutine frame.
export class TaskBase {
  public:
    inline TaskBase(TaskBase&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    inline TaskBase& operator=(TaskBase&& other) noexcept {
        TaskBase taken(std::move(other));
        std::swap(frame_, taken.frame_);
        return *this;
    }
    inline ~TaskBase() {
        if (frame_ != nullptr) destroy_chain(*frame_);
    }
    /// False for a task that was moved from, as by awaiting or spawning it.
    [[nodiscard]] inline explicit operator bool() const noexcept { return frame_ != nullptr; }

  protected:
    inline explicit TaskBase(Frame& frame) noexcept : frame_(&frame) {}
    inline void check() const noexcept {
        if (frame_ == nullptr) [[unlikely]]
            fail_empty_task();
    }

    Frame* frame_;
};

/// A coroutine that returns a `T`, or nothing.
///
///     mio::async::Task<mio::Result<std::size_t>> greet(mio::async::TcpStream& stream) {
///         co_return co_await stream.write(greeting);
///     }
///
/// It is lazy: it starts when it is awaited (once, as `co_await std::move(task)` or directly), or is passed to
/// `spawn`, `run` or a combinator. What it refers to must live until it ends. A coroutine's parameters that are
/// references or spans, and the captures of a lambda, are not copied; `Group::spawn(fn, args…)` keeps them.
///
/// An exception that leaves it is thrown at the `co_await`. Destroying a suspended task on its loop's thread
/// destroys its local variables and ends its operations. A running task must not be destroyed.
///
/// Movable, not copyable. To await, spawn or run a task that was moved from, or to pass it to a combinator, ends the
/// program with a message. A task belongs to the thread of its loop once it has started.
export template <class T> class [[nodiscard]] Task : public TaskBase {
  public:
    using promise_type = Promise<T>;
    using value_type = T;

    /// The awaiter of a task.
    class Awaiter : TaskBase {
      public:
        inline explicit Awaiter(Task&& task) noexcept : TaskBase(std::move(task)) {}
        inline Awaiter(Task&& task, Frame& parent) noexcept : TaskBase(std::move(task)) { bind(parent); }
        inline Awaiter(Awaiter&&) noexcept = default;

        inline void bind(Frame& parent) noexcept {
            this->check();
            this->frame_->parent = &parent;
        }
        [[nodiscard]] inline bool await_ready() const noexcept { return false; }
        // See `LoopCore::enter`.
        inline bool await_suspend(std::coroutine_handle<>) noexcept {
            promise_type& promise = this->promise();
            Frame& parent = *promise.parent;
            LoopCore& loop = *parent.loop;
            promise.loop = &loop;
            promise.scope = parent.scope;
            if (loop.enter()) [[likely]] {
                promise.is_starting = true;
                promise.coroutine.resume();
                promise.is_starting = false;
            } else {
                loop.run_next(promise.coroutine);
            }
            loop.exit();
            if (promise.is_done) [[likely]]
                return false;
            parent.child = &promise;
            promise.owner = &this->frame_;
            return true;
        }
        inline T await_resume() {
            promise_type& promise = this->promise();
            promise.parent->child = nullptr;
            return promise.take();
        }

      private:
        [[nodiscard]] inline promise_type& promise() const noexcept {
            return static_cast<promise_type&>(*this->frame_);
        }
    };

    /// For user-defined combinators. @{
    [[nodiscard]] inline promise_type& promise() const noexcept {
        this->check();
        return static_cast<promise_type&>(*frame_);
    }
    [[nodiscard]] inline promise_type& release() noexcept {
        this->check();
        return static_cast<promise_type&>(*std::exchange(frame_, nullptr));
    }
    /// @}

  private:
    friend promise_type;
    inline explicit Task(promise_type& promise) noexcept : TaskBase(promise) {}
};

template <class T> inline Task<T> Promise<T>::get_return_object() noexcept { return Task<T>(*this); }
template <class T> inline Task<T&> Promise<T&>::get_return_object() noexcept { return Task<T&>(*this); }
inline Task<void> Promise<void>::get_return_object() noexcept { return Task<void>(*this); }

template <class A> struct AwaiterOf {
    using Type = A;
};
template <class T> struct AwaiterOf<Task<T>> {
    using Type = typename Task<T>::Awaiter;
};
/// The type that a combinator stores: the awaitable itself, or the awaiter of a task.
export template <class A> using AwaiterType = typename AwaiterOf<std::remove_cvref_t<A>>::Type;
/// A task, or another awaitable.
export template <class A>
concept Waitable = Awaitable<AwaiterType<A>> && !std::is_reference_v<A>;
/// The type that `co_await` returns for it.
export template <class A> using AwaitResult = decltype(std::declval<AwaiterType<A>&>().await_resume());

// `await_suspend` may return nothing, which means true.
template <class A> [[nodiscard]] inline bool suspend(A& awaitable, std::coroutine_handle<> coroutine) {
    if constexpr (std::is_void_v<decltype(awaitable.await_suspend(coroutine))>) {
        awaitable.await_suspend(coroutine);
        return true;
    } else {
        return awaitable.await_suspend(coroutine);
    }
}

// Running.

/// Starts `task` on `loop`, in its next turn, in the outermost scope. An exception that leaves it ends the program.
///
/// Destroying the loop destroys the task. A `Group` limits the lifetime of tasks to its own. Call it on the loop's
/// thread, or before that thread runs the loop.
export void spawn(LoopCore& loop, Task<> task) noexcept;
export inline void spawn(const Loop& loop, Task<> task) noexcept { spawn(loop.core(), std::move(task)); }

// Prepares the coroutine of `run`, and starts it.
[[nodiscard]] Result<> start_main(LoopCore& loop, PromiseBase& promise, bool& is_done) noexcept;

/// Runs `task` on this thread, with turns of `loop`, until it ends. Returns its result, or throws its exception.
///
/// Remaining spawned tasks stay suspended until the loop makes further turns. Errors: as `Loop::turn`; the task is then
/// destroyed where it is suspended. In a coroutine of the same loop it does not start: use `co_await` there.
export template <class T> [[nodiscard]] Result<T> run(Loop& loop, Task<T> task) {
    bool is_done = false;
    if (auto started = start_main(loop.core(), task.promise(), is_done); !started)
        return std::unexpected(started.error());
    while (!is_done)
        if (auto turned = loop.turn(); !turned) return std::unexpected(turned.error());
    if constexpr (std::is_void_v<T>) {
        task.promise().take();
        return {};
    } else {
        return task.promise().take();
    }
}

// The awaitable of `this_context`.
class [[nodiscard]] ThisContext {
  public:
    inline void bind(Frame& frame) noexcept { context_ = {frame.loop, frame.scope}; }
    [[nodiscard]] inline bool await_ready() const noexcept { return true; }
    inline void await_suspend(std::coroutine_handle<>) const noexcept {}
    [[nodiscard]] inline Context await_resume() const noexcept { return context_; }

  private:
    Context context_;
};
/// The loop and the scope in which the coroutine runs. It does not suspend.
export [[nodiscard]] inline ThisContext this_context() noexcept { return {}; }

class [[nodiscard]] Yield : Hook {
  public:
    Yield() noexcept = default;
    inline Yield(Yield&&) noexcept {} // before it is awaited
    inline void bind(Frame& self) noexcept { frame = &self; }
    [[nodiscard]] inline bool await_ready() const noexcept { return false; }
    inline void await_suspend(std::coroutine_handle<>) noexcept { frame->loop->schedule(*frame); }
    inline void await_resume() const noexcept {}
};
/// Lets other coroutines run, and continues after the next poll. It is not cancelled.
export [[nodiscard]] inline Yield yield() noexcept { return {}; }

// Time.

class [[nodiscard]] Sleep : Hook {
  public:
    inline explicit Sleep(Clock::time_point until) noexcept : until_(until) {}
    inline Sleep(Sleep&& other) noexcept : until_(other.until_) {} // before it is awaited

    inline void bind(Frame& self) noexcept { frame = &self; }
    [[nodiscard]] inline bool await_ready() noexcept {
        is_cancelled_ = frame->scope->is_cancelled();
        return is_cancelled_;
    }
    bool await_suspend(std::coroutine_handle<>) noexcept;
    [[nodiscard]] Result<> await_resume() const noexcept;

  private:
    struct Timer : LoopTimer {
        Sleep* sleep;
    };
    static void cancelled(Hook&) noexcept;
    static void fired(LoopTimer&) noexcept;

    Clock::time_point until_;
    Timer timer_;
    bool is_cancelled_ = false;
    bool is_out_of_memory_ = false;
};

/// Waits until `deadline`, and never less. A deadline that has passed lets other coroutines run, as `yield` does.
///
/// Cancellation ends it with `operation_canceled`. Other errors: `not_enough_memory`.
export [[nodiscard]] inline Sleep sleep_until(time::Instant deadline) noexcept { return Sleep(deadline); }
/// Waits for `delay`, counted from this call. Any unit; a delay that does not fit is clamped.
export [[nodiscard]] inline Sleep sleep_for(Saturating<std::chrono::nanoseconds> delay) noexcept {
    return Sleep(time::after(delay));
}

// Replaces the error of a result, and keeps its count, if it has one.
template <class R> inline void replace_error(R& result, const std::error_code& error) {
    if constexpr (requires { result.set_error(error); })
        result.set_error(error);
    else
        result = std::unexpected(error);
}

// Leaves the scope of an awaitable after the awaitable inside has left its own.
template <class S> class Leave {
  public:
    inline explicit Leave(S& state) noexcept : state_(&state) {}
    Leave(const Leave&) = delete;
    Leave& operator=(const Leave&) = delete;
    inline ~Leave() { state_->leave(); }

  private:
    S* state_;
};

// The scope and the timer of a `Timeout`.
class TimeLimit {
  public:
    inline explicit TimeLimit(Clock::time_point until) noexcept : until_(until) {}
    inline TimeLimit(TimeLimit&& other) noexcept : until_(other.until_) {} // before it is awaited
    inline ~TimeLimit() { leave(); }                                       // if `await_suspend` threw

    inline void enter(Frame& frame) noexcept {
        frame_ = &frame;
        outer_ = frame.scope;
        scope_.enter(*outer_);
        frame.scope = &scope_;
    }
    inline void leave() noexcept {
        if (frame_ == nullptr) return;
        frame_->scope = outer_;
        scope_.leave();
        if (timer_.is_armed()) frame_->loop->disarm(timer_);
        frame_ = nullptr;
    }
    inline void arm() noexcept {
        timer_.fire = &fired;
        timer_.limit = this;
        if (!frame_->loop->arm(timer_, until_)) [[unlikely]]
            expire(std::errc::not_enough_memory);
    }
    // The error that replaces `operation_canceled`, if the limit has expired.
    [[nodiscard]] inline const std::optional<std::errc>& error() const noexcept { return error_; }

  private:
    struct Timer : LoopTimer {
        TimeLimit* limit;
    };
    static void fired(LoopTimer&) noexcept;
    void expire(std::errc) noexcept;

    Clock::time_point until_;
    Frame* frame_ = nullptr;
    Scope* outer_ = nullptr;
    Scope scope_;
    Timer timer_;
    std::optional<std::errc> error_;
};

template <class A> class [[nodiscard]] Timeout {
  public:
    template <class U>
    inline Timeout(Clock::time_point until, U&& inner) : limit_(until), inner_(std::forward<U>(inner)) {}

    inline void bind(Frame& frame) {
        limit_.enter(frame);
        inner_.bind(frame);
    }
    [[nodiscard]] inline bool await_ready() { return inner_.await_ready(); }
    inline bool await_suspend(std::coroutine_handle<> coroutine) {
        if (!suspend(inner_, coroutine)) return false;
        limit_.arm();
        return true;
    }
    inline auto await_resume() {
        auto result = [this] {
            const Leave<TimeLimit> leave(limit_); // after the inner one, which restores what it found
            return inner_.await_resume();
        }();
        if (limit_.error() && !result && result.error() == std::errc::operation_canceled)
            replace_error(result, os_error(*limit_.error()));
        return result;
    }

  private:
    TimeLimit limit_;
    A inner_; // destroyed first
};

/// A result that `timeout` can return: a `Result`, or another type that holds an error and takes
/// `std::errc::timed_out`.
export template <class R>
concept HoldsError =
    requires(R& result, const std::error_code& error) {
        static_cast<bool>(result);
        { result.error() == std::errc::operation_canceled } -> std::convertible_to<bool>;
    }
    && (requires(R& result, const std::error_code& error) { result.set_error(error); }
        || requires(R& result, const std::error_code& error) { result = std::unexpected(error); });

/// Awaits `awaitable`, a task or an operation that returns a `Result`, for at most `limit`, counted from this call.
/// Then cancels it and waits for its end; if that is `operation_canceled`, the error becomes `std::errc::timed_out`.
///
/// The operation is tried at least once, also with a limit of 0. What it had transferred is kept: see each operation.
/// A result other than `operation_canceled` is returned as it is, even if it is late. Cancelling the coroutine cancels
/// `awaitable`, whose error then stays `operation_canceled`.
export template <Waitable A>
    requires HoldsError<AwaitResult<A>>
[[nodiscard]] inline auto timeout(Saturating<std::chrono::nanoseconds> limit, A awaitable) {
    return Timeout<AwaiterType<A>>(time::after(limit), std::move(awaitable));
}
/// The same with a deadline.
export template <Waitable A>
    requires HoldsError<AwaitResult<A>>
[[nodiscard]] inline auto timeout_at(time::Instant deadline, A awaitable) {
    return Timeout<AwaiterType<A>>(deadline, std::move(awaitable));
}

// Scopes.

class ShieldedScope {
  public:
    ShieldedScope() noexcept = default;
    inline ShieldedScope(ShieldedScope&&) noexcept {} // before it is awaited
    inline ~ShieldedScope() { leave(); }              // if `await_suspend` threw

    inline void enter(Frame& frame) noexcept {
        frame_ = &frame;
        outer_ = frame.scope;
        scope_.enter_shielded(*outer_);
        frame.scope = &scope_;
    }
    inline void leave() noexcept {
        if (frame_ == nullptr) return;
        frame_->scope = outer_;
        scope_.leave();
        frame_ = nullptr;
    }

  private:
    Frame* frame_ = nullptr;
    Scope* outer_ = nullptr;
    Scope scope_;
};

template <class A> class [[nodiscard]] Shield {
  public:
    template <class U>
        requires std::constructible_from<A, U>
    inline explicit Shield(U&& inner) : inner_(std::forward<U>(inner)) {}

    inline void bind(Frame& frame) {
        scope_.enter(frame);
        inner_.bind(frame);
    }
    [[nodiscard]] inline bool await_ready() { return inner_.await_ready(); }
    inline bool await_suspend(std::coroutine_handle<> coroutine) { return suspend(inner_, coroutine); }
    inline decltype(auto) await_resume() {
        const Leave<ShieldedScope> leave(scope_);
        return inner_.await_resume();
    }

  private:
    ShieldedScope scope_;
    A inner_; // destroyed first
};

/// Awaits `awaitable` without the cancellation of the enclosing scopes, for work that must be completed, such as a last
/// message to the peer. Give it a limit: `shield(timeout(1s, stream.write_all(farewell)))`.
export template <Waitable A> [[nodiscard]] inline auto shield(A awaitable) {
    return Shield<AwaiterType<A>>(std::move(awaitable));
}

// A scope inside two others.
class SharedScope {
  public:
    inline explicit SharedScope(Scope& other) noexcept : other_(&other) {}
    inline SharedScope(SharedScope&& from) noexcept : other_(from.other_) {} // before it is awaited
    inline ~SharedScope() { leave(); }                                       // if `await_suspend` threw

    inline void enter(Frame& frame) noexcept {
        frame_ = &frame;
        outer_ = frame.scope;
        scope_.enter(*outer_);
        scope_.nest_also_in(other_);
        frame.scope = &scope_;
        hook_.scope = &scope_;
        hook_.frame = nullptr;
        hook_.on_cancel = &cancelled;
        if (other_->is_cancelled())
            scope_.cancel();
        else
            other_->add(hook_);
    }
    inline void leave() noexcept {
        if (frame_ == nullptr) return;
        frame_->scope = outer_;
        scope_.leave();
        scope_.nest_also_in(nullptr);
        hook_.unlink();
        frame_ = nullptr;
    }

  private:
    struct Relay : Hook {
        Scope* scope;
    };
    static void cancelled(Hook&) noexcept;

    Scope* other_;
    Frame* frame_ = nullptr;
    Scope* outer_ = nullptr;
    Relay hook_;
    Scope scope_;
};

template <class A> class [[nodiscard]] Within {
  public:
    template <class U>
    inline Within(Scope& scope, U&& inner) : scope_(scope), inner_(std::forward<U>(inner)) {}

    inline void bind(Frame& frame) {
        scope_.enter(frame);
        inner_.bind(frame);
    }
    [[nodiscard]] inline bool await_ready() { return inner_.await_ready(); }
    inline bool await_suspend(std::coroutine_handle<> coroutine) { return suspend(inner_, coroutine); }
    inline decltype(auto) await_resume() {
        const Leave<SharedScope> leave(scope_);
        return inner_.await_resume();
    }

  private:
    SharedScope scope_;
    A inner_; // destroyed first
};

/// Awaits `awaitable` inside `scope` as well as the current scope: cancelling either cancels it. Any number of
/// coroutines of one loop may work inside one scope.
export template <Waitable A> [[nodiscard]] inline auto within(Scope& scope, A awaitable) {
    return Within<AwaiterType<A>>(scope, std::move(awaitable));
}

// Several tasks.

/// Stands for the result of a task that returns nothing, in the tuples of `when_all` and `when_any`.
export struct Nothing {
    constexpr bool operator==(const Nothing&) const noexcept = default;
};

template <class T> using Kept = std::conditional_t<std::is_void_v<T>, Nothing, T>;

template <class T> [[nodiscard]] inline Kept<T> take_result(Task<T>& task) {
    if constexpr (std::is_void_v<T>) {
        task.promise().take();
        return {};
    } else {
        return task.promise().take();
    }
}

// The part of `when_all` and `when_any` that does not depend on the tasks' types.
class Tasks {
  public:
    Tasks() noexcept = default;
    inline Tasks(Tasks&&) noexcept {} // before it is awaited

    inline void enter(Frame& frame) noexcept {
        frame_ = &frame;
        scope_.enter(*frame.scope);
    }
    inline void leave() noexcept { scope_.leave(); }
    // Counts the starting coroutine too, so that tasks that end at once do not resume it.
    inline void begin(std::size_t tasks, bool ends_with_first) noexcept {
        left_ = tasks + 1;
        ends_with_first_ = ends_with_first;
    }
    void start(PromiseBase& task, std::size_t index) noexcept;
    [[nodiscard]] inline bool are_running() noexcept { return --left_ != 0; }
    [[nodiscard]] inline std::size_t first() const noexcept { return first_; }

  private:
    static void ended(PromiseBase&) noexcept;

    Frame* frame_ = nullptr;
    std::size_t left_ = 0;
    std::size_t first_ = none;
    bool ends_with_first_ = false;
    Scope scope_;

    static constexpr std::size_t none = ~std::size_t{0};
};

template <bool first, class... T> class [[nodiscard]] Together {
  public:
    inline explicit Together(Task<T>... tasks) noexcept : tasks_(std::move(tasks)...) {}

    inline void bind(Frame& frame) noexcept { state_.enter(frame); }
    [[nodiscard]] inline bool await_ready() const noexcept { return sizeof...(T) == 0; }
    inline bool await_suspend(std::coroutine_handle<>) noexcept {
        state_.begin(sizeof...(T), first);
        std::apply(
            [this](auto&... task) {
                std::size_t index = 0;
                (state_.start(task.promise(), index++), ...);
            },
            tasks_);
        return state_.are_running();
    }
    inline auto await_resume() {
        state_.leave();
        auto all =
            std::apply([](auto&... task) { return std::tuple<Kept<T>...>{take_result(task)...}; }, tasks_);
        if constexpr (first)
            return std::pair<std::size_t, decltype(all)>(state_.first(), std::move(all));
        else
            return all;
    }

  private:
    Tasks state_;
    std::tuple<Task<T>...> tasks_; // destroyed first
};

template <class A> [[nodiscard]] Task<AwaitResult<A>> as_task_of(A awaitable) {
    co_return co_await std::move(awaitable);
}
template <class T> [[nodiscard]] inline Task<T> as_task(Task<T> task) noexcept { return task; }
template <Awaitable A> [[nodiscard]] inline Task<AwaitResult<A>> as_task(A awaitable) {
    return as_task_of(std::move(awaitable));
}

/// Runs tasks, or other awaitables, concurrently, and waits until all of them have ended. Returns a tuple of their
/// results, with `Nothing` for those that return nothing:
///
///     auto [sent, received] = co_await when_all(send(stream, request), receive(stream, reply));
///
/// They start in order, each until it first waits. Cancelling the coroutine cancels all of them. If some throw, the
/// exception of the first of these in the list is thrown, after all have ended.
export template <Waitable... A> [[nodiscard]] inline auto when_all(A... awaitables) {
    return [](auto... task) {
        return Together<false, typename decltype(task)::value_type...>(std::move(task)...);
    }(as_task(std::move(awaitables))...);
}
/// The same, but the first one that ends cancels the others; it then waits until these have ended too. Returns a pair:
/// the index of the first, and the tuple of all results. The results of the others are usually `operation_canceled`, or
/// their own if they completed nevertheless.
export template <Waitable... A>
    requires(sizeof...(A) != 0)
[[nodiscard]] inline auto when_any(A... awaitables) {
    return [](auto... task) {
        return Together<true, typename decltype(task)::value_type...>(std::move(task)...);
    }(as_task(std::move(awaitables))...);
}

/// A function that returns a task for these arguments, which are passed as rvalues or, if it does not take those, as
/// lvalues.
export template <class F, class... Args>
concept StartsTask = requires(F& fn, Args... args) {
    { fn(std::move(args)...) } -> Waitable;
} || requires(F& fn, Args&... args) {
    { fn(args...) } -> Waitable;
};

/// Tasks that run concurrently with the coroutine that owns the group, and do not outlive the group.
///
///     mio::async::Group connections(co_await mio::async::this_context());
///     while (auto stream = co_await listener.accept()) connections.spawn(serve, std::move(*stream));
///     connections.cancel();
///     co_await connections.join();
///
/// The group's scope is nested in that of its context. Destroying the group destroys the remaining tasks where they are
/// suspended, and ends waits in `join` with `operation_canceled`. It cannot be moved, and belongs to its loop's thread.
/// A task must not destroy its own group.
export class Group {
  public:
    explicit Group(const Context& context) noexcept;
    /// A group in the outermost scope of `loop`.
    explicit Group(const Loop& loop) noexcept;
    Group(const Group&) = delete;
    Group& operator=(const Group&) = delete;
    ~Group();

    /// Starts `task` in the loop's next turn. Its arguments must live until it ends. An exception that leaves it ends
    /// the program. If the loop is gone, the task is destroyed.
    void spawn(Task<> task) noexcept;
    /// Calls `fn(args…)`, which returns a `Task<>`, and starts that. Copies of `fn` and the arguments, made as
    /// `std::thread` makes them, live until the task ends: it may have reference parameters, and `fn` may be a lambda
    /// with captures.
    template <class F, class... Args>
        requires(!std::same_as<F, Task<>> && StartsTask<F, Args...>)
    void spawn(F fn, Args... args) {
        spawn(keep(std::move(fn), std::move(args)...));
    }

    /// Cancels the tasks, and those that are spawned later.
    inline void cancel() noexcept { scope_.cancel(); }
    [[nodiscard]] inline bool is_cancelled() const noexcept { return scope_.is_cancelled(); }
    /// The number of tasks that have not ended; 0 if the loop is gone, which destroys them.
    [[nodiscard]] inline std::size_t size() const noexcept { return tasks_.empty() ? 0 : size_; }
    /// True if all have ended.
    [[nodiscard]] inline bool empty() const noexcept { return size() == 0; }
    /// The scope of the tasks.
    [[nodiscard]] inline Scope& scope() noexcept { return scope_; }

    class [[nodiscard]] Join;
    /// Waits until all tasks have ended, including those that are spawned meanwhile.
    ///
    /// Cancelling the coroutine ends the wait with `operation_canceled`, unless the same cancellation reaches the
    /// tasks: then it waits for their end. `timeout(5s, group.join())` therefore waits for at most 5 s and does not
    /// cancel the tasks; after `cancel`, another `join` waits for their end.
    [[nodiscard]] inline Join join() noexcept;

  private:
    template <class F, class... Args> [[nodiscard]] static Task<> keep(F fn, Args... args) {
        if constexpr (std::invocable<F&, Args...>)
            co_await fn(std::move(args)...);
        else
            co_await fn(args...);
    }
    static void ended(PromiseBase&) noexcept;

    Scope scope_;
    List<Waiter, WaitTag> joining_;
    std::size_t size_ = 0;
    TaskList tasks_; // destroyed first
};

class [[nodiscard]] Group::Join : Waiter {
  public:
    inline explicit Join(Group& group) noexcept : group_(&group) {}
    inline Join(Join&& other) noexcept : group_(other.group_) {} // before it is awaited

    inline void bind(Frame& self) noexcept { frame = &self; }
    [[nodiscard]] inline bool await_ready() const noexcept { return group_->empty(); }
    bool await_suspend(std::coroutine_handle<>) noexcept;
    [[nodiscard]] Result<> await_resume() const noexcept;

  private:
    friend class Group;
    static void cancelled(Hook&) noexcept;
    void cancel() noexcept;

    Group* group_;
    bool is_cancelled_ = false;
};

inline Group::Join Group::join() noexcept { return Join(*this); }

// Stop tokens.

// A request to stop from any thread.
class StopRelay : Parcel {
  public:
    inline explicit StopRelay(LoopCore& loop, Scope& scope) noexcept
        : Parcel(&opened), loop_(loop), remote_(loop.remote()), scope_(scope) {}
    StopRelay(const StopRelay&) = delete;
    StopRelay& operator=(const StopRelay&) = delete;
    inline ~StopRelay() {
        if (is_posted_ && !is_opened_) loop_.withdraw(*this);
    }
    // Called once, on any thread, before the destructor.
    inline void stop() noexcept {
        is_posted_ = true;
        static_cast<void>(remote_.post(*this)); // cannot fail: the loop destroys this object before it ends
    }

  private:
    static void opened(Parcel&, const Context*) noexcept;

    LoopCore& loop_;
    RemoteLoop remote_;
    Scope& scope_;
    bool is_posted_ = false; // written by the other thread
    bool is_opened_ = false; // by the loop's
};
struct RequestStop {
    StopRelay* relay;
    inline void operator()() const noexcept { relay->stop(); }
};

template <template <class> class Callback, class Token, class A>
[[nodiscard]] Task<AwaitResult<A>> stoppable_task(Token token, A awaitable) {
    const Context here = co_await this_context();
    Scope scope;
    StopRelay relay(*here.loop, scope);
    Callback<RequestStop> callback(std::move(token), RequestStop{&relay});
    co_return co_await within(scope, std::move(awaitable));
}
/// Awaits `awaitable`, which is cancelled when a stop is requested through `token`, by any thread:
///
///     auto got = co_await stoppable<std::stop_callback>(token, stream.read(buffer));
///
/// `Callback` is the token's callback type, such as `std::stop_callback`.
export template <template <class> class Callback, class Token, Waitable A>
[[nodiscard]] inline Task<AwaitResult<A>> stoppable(Token token, A awaitable) {
    return stoppable_task<Callback>(std::move(token), std::move(awaitable));
}

} // namespace mio::async
