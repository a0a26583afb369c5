/// @file
/// A thread pool for functions that block, and name resolution.

export module mio.async.blocking;

import mio.std;
import mio.core;
import mio.net.address;
import mio.async.job;
import mio.async.loop;
import mio.async.task;

namespace mio::async {

/// A thread pool for functions that block or compute for a long time. Any number of loops may share one.
///
///     mio::async::Pool pool(4);
///     auto digest = co_await pool.run([text] { return sha256(text); });
///
/// It cannot be moved. Destroying it discards functions that have not started, whose waits end with
/// `operation_canceled`, and waits for those that have. It must outlive the waits.
export class Pool {
  public:
    /// A pool of `threads` threads, at least 1, which start when they are first needed. Throws `std::bad_alloc`.
    explicit Pool(unsigned threads);
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;
    ~Pool();

    /// Runs `fn` on a thread of the pool and waits for its result, on the loop of the caller. A `Result<T>` is returned
    /// as it is, another `T` as `Result<T>`; an exception is rethrown. `fn` and its result must own the data that they
    /// use.
    ///
    /// Errors: `operation_canceled` if the waiting scope is cancelled. A function that has started then still runs to
    /// its end, and its result is discarded; one that has not started does not run. The OS's own, such as
    /// `resource_unavailable_try_again`, if the pool has no thread and cannot start one. `not_enough_memory`.
    template <class F> [[nodiscard]] inline auto run(F fn) {
        static_assert(!JobOf<F>::is_task, "a thread of the pool has no loop: return a value, not a Task");
        return JobOperation<F, Sender>(Sender(*this), "run", std::move(fn));
    }

  private:
    class Sender {
      public:
        inline explicit Sender(Pool& pool) noexcept : pool_(&pool) {}
        [[nodiscard]] inline Result<> send(Job& job) const noexcept { return pool_->submit(job); }

        template <class E> static void opened(Parcel&, const Context*) noexcept {}
        template <class E> static void worked(Job& job) noexcept { run_job_here(job, &make_job_task<E>); }

      private:
        Pool* pool_;
    };
    struct State;

    [[nodiscard]] Result<> submit(Job& job) noexcept;

    State* state_;
};

/// Resolves a host and a service as `mio::net::resolve` does, on a thread of `pool`. Errors: those of
/// `mio::net::resolve`; `operation_canceled`, after which the thread is still busy until the resolver returns.
/// @see getaddrinfo(3)
export [[nodiscard]] Task<Result<std::vector<net::SocketAddress>>> resolve(Pool& pool, std::string host,
                                                                           std::string service);

} // namespace mio::async
