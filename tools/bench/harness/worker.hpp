#pragma once

#include <exception>
#include <thread>
#include <utility>

namespace bench {

/// A thread that passes its exception to the owner, which calls `join`.
class Worker {
  public:
    /// `work` may throw; `release` then makes the owner's thread stop waiting.
    template <class Work, class Release> Worker(Work work, Release release) {
        thread_ = std::thread([this, work = std::move(work), release = std::move(release)] {
            try {
                work();
            } catch (...) {
                failure_ = std::current_exception();
                release();
            }
        });
    }
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    ~Worker() {
        if (thread_.joinable()) thread_.join();
    }

    /// Waits for the end of the work, and throws what it threw.
    void join() {
        thread_.join();
        if (failure_) std::rethrow_exception(failure_);
    }

  private:
    std::exception_ptr failure_;
    std::thread thread_;
};

} // namespace bench
