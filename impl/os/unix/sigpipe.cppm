/// @file
/// Calls that have no flag against SIGPIPE. For bodies only.

module;

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <system_error>

export module mio.os.sigpipe;

import mio.core.error;

namespace mio::os {

/// Takes the SIGPIPE that is pending for this thread back, if there is one. It has to be all that is in `sigpipe`, and
/// blocked. @see sigtimedwait(2), sigwait(2)
void take_back(const ::sigset_t& sigpipe) noexcept;

/// While it lives, a SIGPIPE that this thread causes is swallowed; one that was pending before stays. It works where
/// the kernel sends that signal to the thread, as Linux, FreeBSD, OpenBSD and DragonFly do; Apple and NetBSD send it
/// to the process. Costs three system calls, and a fourth when there may be something to swallow (two more on OpenBSD).
/// @see sigpending(2), pthread_sigmask(3)
export class SigpipeSwallower {
  public:
    SigpipeSwallower() noexcept {
        // No `::` before the functions on sets: on Apple they are macros.
        ::sigset_t pending;
        sigemptyset(&pending);
        ::sigpending(&pending);
        was_pending_ = sigismember(&pending, SIGPIPE) == 1;
        if (was_pending_) return; // it is blocked, and taking ours back could take that one
        sigemptyset(&sigpipe_);
        sigaddset(&sigpipe_, SIGPIPE);
        ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
    }
    SigpipeSwallower(const SigpipeSwallower&) = delete;
    SigpipeSwallower& operator=(const SigpipeSwallower&) = delete;
    ~SigpipeSwallower() {
        if (was_pending_) return;
        const int saved = errno;
        if (maybe_raised_) take_back(sigpipe_);
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
        errno = saved;
    }

    /// Passes on the answer of the call that was to move `wanted` bytes, and notes whether it may have raised the
    /// signal. A call whose reader leaves half-way raises it, too, and still answers how much it moved.
    [[nodiscard]] Result<std::size_t> watch(Result<std::size_t> result, std::size_t wanted) noexcept {
        maybe_raised_ = result ? *result < wanted : result.error() == std::errc::broken_pipe;
        return result;
    }

  private:
    bool was_pending_ = false;
    bool maybe_raised_ = false;
    ::sigset_t sigpipe_;
    ::sigset_t before_;
};

} // namespace mio::os
