/// @file
/// A second thread whose failure is not lost.

module;

#include <exception>
#include <thread>
#include <utility>

export module probe.bench.companion;

namespace probe::bench {

/// Runs something beside the thread that made it, which is to call `join`.
export class Companion {
  public:
    /// `work` may throw; `release` is called then, from the same thread, and makes the other one stop waiting.
    template <class Work, class Release> Companion(Work work, Release release) {
        thread_ = std::jthread([this, work = std::move(work), release = std::move(release)] {
            try {
                work();
            } catch (...) {
                failure_ = std::current_exception();
                release();
            }
        });
    }
    Companion(const Companion&) = delete;
    Companion& operator=(const Companion&) = delete;

    /// Waits for the end of the work, and throws what it threw.
    void join() {
        thread_.join();
        if (failure_) std::rethrow_exception(failure_);
    }

  private:
    std::exception_ptr failure_;
    std::jthread thread_; // last: joined before the others go
};

} // namespace probe::bench
