/// @file
/// Functions that run on another thread: the common part of `RemoteLoop::call` and `Pool::run`. Internal:
/// `import mio.async;` does not export it.

export module mio.async.job;

import mio.std;
import mio.core;
import mio.async.internal;
import mio.async.loop;
import mio.async.task;

namespace mio::async {

template <class R> struct JobValue {
    using Type = R;
    static constexpr bool is_task = false;
};
template <class T> struct JobValue<Task<T>> {
    using Type = T;
    static constexpr bool is_task = true;
};
template <class T> struct JobOutput {
    using Type = Result<T>;
};
template <class T> struct JobOutput<Result<T>> {
    using Type = Result<T>;
};

class JobWaiter;

/// A function to run on another thread, and its result. It belongs to one thread at a time. The origin thread destroys
/// it, or the last one if the origin's loop is gone.
export class Job : public Parcel {
  public:
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;

    /// Whether the sender no longer waits for the result.
    [[nodiscard]] inline bool is_abandoned() const noexcept {
        return is_abandoned_.load(std::memory_order_relaxed);
    }
    /// Returns it to its origin, without a result if the function did not run.
    void send_back() noexcept;

    /// For the queue of a thread pool.
    void (*work)(Job&) noexcept = nullptr;
    Job* next_job = nullptr;
    std::exception_ptr failure;
    std::error_code error; // if there is no result; empty: cancelled

  protected:
    inline Job(Open on_open, LoopCore& origin, void (*destroy)(Job&) noexcept) noexcept
        : Parcel(on_open), origin_(origin.remote()), destroy_(destroy) {}
    ~Job() = default;

  private:
    friend class JobWaiter;
    static void returned(Parcel&, const Context*) noexcept;

    RemoteLoop origin_;
    JobWaiter* waiter_ = nullptr; // on the origin thread
    std::atomic<bool> is_abandoned_ = false;
    void (*destroy_)(Job&) noexcept;
};

/// A job with its function and its result.
export template <class F> class JobOf final : public Job {
  public:
    using Returned = std::invoke_result_t<F&>;
    using Value = typename JobValue<Returned>::Type;
    using Output = typename JobOutput<Value>::Type;
    static constexpr bool is_task = JobValue<Returned>::is_task;

    /// Null if memory is exhausted.
    [[nodiscard]] static JobOf* create(Open on_open, LoopCore& origin, F&& function) {
        static_assert(alignof(JobOf) <= alignof(void*) * 2);
        std::unique_ptr<void, FreeFrame> frame(try_allocate_frame(sizeof(JobOf)));
        if (frame == nullptr) return nullptr;
        auto* const job = ::new (frame.get()) JobOf(on_open, origin, std::move(function)); // may throw
        static_cast<void>(frame.release());
        return job;
    }

    F fn;
    std::optional<Output> result;

  private:
    struct FreeFrame {
        inline void operator()(void* frame) const noexcept { free_frame(frame, sizeof(JobOf)); }
    };
    inline JobOf(Open on_open, LoopCore& origin, F&& function)
        : Job(on_open, origin, &destroyed), fn(std::move(function)) {}
    static void destroyed(Job& job) noexcept {
        auto& self = static_cast<JobOf&>(job);
        self.~JobOf();
        free_frame(&self, sizeof(JobOf));
    }
};

/// Sends a job back when the coroutine that runs it ends or is destroyed.
export class JobGuard {
  public:
    inline explicit JobGuard(Job& job) noexcept : job_(&job) {}
    inline JobGuard(JobGuard&& other) noexcept : job_(std::exchange(other.job_, nullptr)) {}
    inline ~JobGuard() {
        if (job_ != nullptr) job_->send_back();
    }

  private:
    Job* job_;
};

/// The coroutine that runs a job. Its promise catches exceptions, also in builds without them, where `try` is an error.
export template <class E> [[nodiscard]] Task<> run_job(E& job, JobGuard guard) {
    static_cast<void>(guard);
    if constexpr (E::is_task) {
        if constexpr (std::is_void_v<typename E::Value>) {
            co_await job.fn();
            job.result.emplace();
        } else {
            job.result.emplace(co_await job.fn());
        }
    } else if constexpr (std::is_void_v<typename E::Value>) {
        job.fn();
        job.result.emplace();
    } else {
        job.result.emplace(job.fn());
    }
    co_return;
}
/// Makes that coroutine, for a job of the class `E`. Throws `std::bad_alloc`, after the job was sent back.
export template <class E> [[nodiscard]] Task<> make_job_task(Job& job) {
    auto& own = static_cast<E&>(job);
    return run_job(own, JobGuard(own));
}
using MakeJobTask = Task<> (*)(Job&);

// Both send the job back with `not_enough_memory` if its coroutine cannot be made.
/// Starts it on a loop's thread, where it may wait.
export void start_job(Job& job, MakeJobTask make, LoopCore& loop) noexcept;
/// Runs it on a thread without a loop.
export void run_job_here(Job& job, MakeJobTask make) noexcept;

class JobWaiter : public Hook {
  public:
    JobWaiter() noexcept = default;
    inline JobWaiter(JobWaiter&&) noexcept {} // before it is awaited
    inline ~JobWaiter() { give_up(); }

    inline void bind(Frame& self) noexcept { frame = &self; }
    // Waits for the result of a job that was sent.
    void wait(Job& job, const char* operation) noexcept;

  protected:
    void give_up() noexcept; // the result is discarded
    static void release(Job& job) noexcept { job.destroy_(job); }

    Job* job_ = nullptr;
    std::error_code error_; // the result of the wait if there is no job

  private:
    friend class Job;
    static void cancelled(Hook&) noexcept;
};

/// Waits for the result of a function on another thread. `Sender::send(job)` sends it there.
export template <class F, class Sender> class [[nodiscard]] JobOperation : JobWaiter {
    using E = JobOf<F>;

  public:
    inline JobOperation(Sender sender, const char* operation, F&& fn)
        : sender_(std::move(sender)), operation_(operation), fn_(std::move(fn)) {}
    inline JobOperation(JobOperation&& other)
        : JobWaiter(std::move(other)), sender_(std::move(other.sender_)), operation_(other.operation_),
          fn_(std::move(other.fn_)) {}
    inline ~JobOperation() { give_up(); }

    using JobWaiter::bind;
    [[nodiscard]] inline bool await_ready() noexcept {
        if (!frame->scope->is_cancelled()) return false;
        error_ = canceled_error();
        return true;
    }
    bool await_suspend(std::coroutine_handle<>) {
        E* const job = E::create(Sender::template opened<E>, *frame->loop, std::move(fn_));
        if (job == nullptr) {
            error_ = os_error(std::errc::not_enough_memory);
            return false;
        }
        job->work = &Sender::template worked<E>;
        if (auto sent = sender_.send(*job); !sent) {
            release(*job);
            error_ = sent.error();
            return false;
        }
        wait(*job, operation_);
        return true;
    }
    typename E::Output await_resume() {
        if (error_) return std::unexpected(error_);
        E& job = static_cast<E&>(*std::exchange(job_, nullptr));
        const Release release_it(job);
        if (job.failure) std::rethrow_exception(job.failure);
        if (!job.result) return std::unexpected(job.error ? job.error : canceled_error());
        return std::move(*job.result);
    }

  private:
    struct Release {
        inline explicit Release(E& back) noexcept : job(back) {}
        Release(const Release&) = delete;
        inline ~Release() { release(job); }
        E& job;
    };

    Sender sender_;
    const char* operation_;
    F fn_;
};

} // namespace mio::async
