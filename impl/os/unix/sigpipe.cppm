/// @file
/// Calls that have no flag against SIGPIPE. For bodies only.

module;

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <ctime>
#include <system_error>

export module mio.os.sigpipe;

import mio.core.error;

namespace mio::os {

/// While it lives, a SIGPIPE that this thread causes is swallowed; one that was pending before stays. Costs three
/// system calls, and a fourth when there was something to swallow.
/// @see sigpending(2), pthread_sigmask(3), sigtimedwait(2)
export class SigpipeSwallower {
  public:
    SigpipeSwallower() noexcept {
        ::sigset_t pending;
        ::sigemptyset(&pending);
        ::sigpending(&pending);
        was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
        if (was_pending_) return; // it is blocked, and another one more makes no difference
        ::sigemptyset(&sigpipe_);
        ::sigaddset(&sigpipe_, SIGPIPE);
        ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
    }
    SigpipeSwallower(const SigpipeSwallower&) = delete;
    SigpipeSwallower& operator=(const SigpipeSwallower&) = delete;
    ~SigpipeSwallower() {
        if (was_pending_) return;
        const int saved = errno;
        if (raised_) {
            constexpr ::timespec at_once{};
            while (::sigtimedwait(&sigpipe_, nullptr, &at_once) == -1 && errno == EINTR) {
            }
        }
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
        errno = saved;
    }

    /// Passes on the answer of the call, and notes whether it raised the signal.
    [[nodiscard]] Result<std::size_t> watch(Result<std::size_t> result) noexcept {
        raised_ = !result && result.error() == std::errc::broken_pipe;
        return result;
    }

  private:
    bool was_pending_ = false;
    bool raised_ = false;
    ::sigset_t sigpipe_;
    ::sigset_t before_;
};

} // namespace mio::os
