/// @file
/// Calls that have no flag against SIGPIPE. For bodies only.

module;

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <expected>
#include <system_error>

export module mio.os.sigpipe;

import mio.core.error;
import mio.os;

namespace mio::os {

/// Takes the SIGPIPE that is pending for this thread back, if there is one; `sigpipe` contains that signal alone, which is
/// blocked. False if the system refused. @see sigtimedwait(2), sigwait(2)
bool take_back(const ::sigset_t& sigpipe) noexcept;

/// Whether `take_back` would work: a sandbox may refuse what it needs. @see seccomp(2)
Result<> can_take_back() noexcept;

/// Between `hold` and its end, a SIGPIPE that this thread causes is swallowed; one that was pending before stays. It works
/// where the kernel sends that signal to the thread, as Linux, FreeBSD, OpenBSD and DragonFly do; Apple and NetBSD send
/// it to the process. Costs four system calls, and a fifth when there may be something to swallow.
/// @see sigpending(2), pthread_sigmask(3)
export class SigpipeSwallower {
  public:
    SigpipeSwallower() noexcept = default;
    SigpipeSwallower(const SigpipeSwallower&) = delete;
    SigpipeSwallower& operator=(const SigpipeSwallower&) = delete;
    ~SigpipeSwallower() {
        if (!holds_) return;
        const int saved = errno;
        // A signal that could not be taken back stays pending and blocked: unblocking it would end the process.
        if (!maybe_raised_ || take_back(sigpipe_)) ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
        errno = saved;
    }

    /// Holds the signal back from now on. Errors: the OS's own; the call that may raise the signal must not be made then.
    [[nodiscard]] Result<> hold() noexcept {
        // No `::` before the functions on sets: on Apple they are macros.
        ::sigset_t pending;
        sigemptyset(&pending);
        if (::sigpending(&pending) == -1) return std::unexpected(last_error());
        // It is blocked then, and taking ours back could take that one.
        if (sigismember(&pending, SIGPIPE) == 1) return {};
        if (auto can = can_take_back(); !can) return can;
        sigemptyset(&sigpipe_);
        sigaddset(&sigpipe_, SIGPIPE);
        const int refused = ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
        if (refused != 0) return std::unexpected(std::error_code(refused, os_category()));
        holds_ = true;
        return {};
    }

    /// Passes on the answer of the call that was to move `wanted` bytes, and notes whether it may have raised the
    /// signal. A call whose reader leaves half-way raises it, too, and still answers how much it moved.
    [[nodiscard]] Result<std::size_t> watch(Result<std::size_t> result, std::size_t wanted) noexcept {
        maybe_raised_ = result ? *result < wanted : result.error() == std::errc::broken_pipe;
        return result;
    }

  private:
    bool holds_ = false;
    bool maybe_raised_ = false;
    ::sigset_t sigpipe_;
    ::sigset_t before_;
};

} // namespace mio::os
