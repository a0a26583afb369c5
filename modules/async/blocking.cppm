/// @file
/// Threads for work that blocks, and name resolution.

export module mio.async.blocking;

import mio.std;
import mio.core;
import mio.net.address;
import mio.async.loop;
import mio.async.task;
import mio.async.sync;

namespace mio::async {

/// Threads for functions that block or compute for long. Any number of loops may share one.
///
///     mio::async::Pool pool(4);
///     auto digest = co_await pool.run([text] { return sha256(text); });
///
/// It cannot be moved. Destroying it drops the functions that have not begun, whose waits end with
/// `operation_canceled`, and waits for those that have. It must outlive the waits.
export class Pool {
  public:
    /// A pool of `threads` threads, at least 1, which start when they are first needed. Throws `std::bad_alloc`.
    explicit Pool(unsigned threads);
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;
    ~Pool();

    /// Runs `fn` on a thread of the pool and waits for its result, on the loop of the caller. A `Result<T>` is returned
    /// as it is, another `T` as `Result<T>`; an exception is thrown again. `fn` and its result must own what they use.
    ///
    /// Errors: `operation_canceled` if the waiting scope is cancelled. A function that has begun then still runs to its
    /// end, and its result is discarded; one that has not begun does not run. If the pool has no thread and none can be
    /// started: the OS's own, such as `resource_unavailable_try_again`. Without memory for the call: `not_enough_memory`.
    template <class F> [[nodiscard]] inline auto run(F fn) {
        static_assert(!ErrandOf<F>::is_task, "there is no loop on a thread of the pool: return a value");
        return Away<F, Sender>(Sender(*this), "run", std::move(fn));
    }

  private:
    class Sender {
      public:
        inline explicit Sender(Pool& pool) noexcept : pool_(&pool) {}
        [[nodiscard]] inline Result<> send(Errand& errand) const noexcept { return pool_->submit(errand); }

        template <class E> static void opened(Parcel&, const Context*) noexcept {}
        template <class E> static void worked(Errand& errand) noexcept {
            run_errand_here(errand, &make_errand_task<E>);
        }

      private:
        Pool* pool_;
    };
    struct State;

    [[nodiscard]] Result<> submit(Errand& errand) noexcept;

    State* state_;
};

/// Resolves a host and a service as `mio::net::resolve` does, on a thread of `pool`. Errors: those of
/// `mio::net::resolve`; `operation_canceled`, after which the thread is still busy until the resolver returns.
/// @see getaddrinfo(3)
export [[nodiscard]] Task<Result<std::vector<net::SocketAddress>>> resolve(Pool& pool, std::string host,
                                                                           std::string service);

} // namespace mio::async
