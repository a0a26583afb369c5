/// @file
/// Suppression of SIGPIPE for calls that have no flag against it, and writing to a pipe without the signal. Internal.

module;

#include <sys/uio.h>

#include <cerrno>
#include <csignal>

export module mio.os.sigpipe;

import mio.core.error;
import mio.core.handle;
import mio.os;
import mio.std;

namespace mio::os {

/// Like writev(2), but a closed reader causes only an error.
export Result<std::size_t> write_quietly(RawHandle handle, std::span<const ::iovec> buffers) noexcept;

/// Whether the signal is pending for this thread or the process. @see sigpending(2)
export inline Result<bool> is_pending(int number) noexcept {
    // Without `::` on the sigset functions: on Apple they are macros.
    ::sigset_t pending;
    sigemptyset(&pending);
    if (auto queried = check(::sigpending(&pending)); !queried) return std::unexpected(queried.error());
    return sigismember(&pending, number) == 1;
}

/// Consumes the pending signal `number`, if any; it is blocked. Returns false if the system refuses. @see
/// sigtimedwait(2), sigwait(2)
export bool take_back(int number) noexcept;

/// Whether `take_back` works: a sandbox may reject its system calls. @see seccomp(2)
Result<> can_take_back() noexcept;

/// Between `hold` and its destruction, a SIGPIPE that this thread causes is consumed; one that was pending before is
/// kept. It requires a kernel that sends the signal to the thread, as Linux, FreeBSD, OpenBSD and DragonFly do;
/// Apple and NetBSD send it to the process. It costs four system calls, and a fifth if a signal may be pending.
/// @see sigpending(2), pthread_sigmask(3)
export class SigpipeSwallower {
  public:
    SigpipeSwallower() noexcept = default;
    SigpipeSwallower(const SigpipeSwallower&) = delete;
    SigpipeSwallower& operator=(const SigpipeSwallower&) = delete;
    ~SigpipeSwallower() {
        if (!holds_) return;
        const int saved = errno;
        // A signal that could not be consumed stays pending and blocked: unblocking it would terminate the process.
        if (!maybe_raised_ || take_back(SIGPIPE)) ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
        errno = saved;
    }

    /// Blocks the signal from now on. Errors: the OS's own; then the call that may raise the signal must not be
    /// made.
    [[nodiscard]] Result<> hold() noexcept {
        const auto is_blocked = is_pending(SIGPIPE);
        if (!is_blocked) return std::unexpected(is_blocked.error());
        // Consuming ours could consume the pending one.
        if (*is_blocked) return {};
        if (auto can = can_take_back(); !can) return can;
        sigemptyset(&sigpipe_);
        sigaddset(&sigpipe_, SIGPIPE);
        const int refused = ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
        if (refused != 0) return std::unexpected(std::error_code(refused, os_category()));
        holds_ = true;
        return {};
    }

    /// Returns the result of a call that was to transfer `wanted` bytes, and records whether it may have raised the
    /// signal. A call whose reader closes half-way raises it and still returns the bytes transferred.
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

/// `write_quietly` with a `SigpipeSwallower`.
inline Result<std::size_t> write_and_swallow(RawHandle handle, std::span<const ::iovec> buffers) noexcept {
    std::size_t wanted = 0;
    for (const auto& buffer : buffers) wanted += buffer.iov_len;
    SigpipeSwallower swallower;
    if (auto held = swallower.hold(); !held) return std::unexpected(held.error());
    const auto count = static_cast<int>(buffers.size());
    return swallower.watch(check_count(::writev(handle, buffers.data(), count)), wanted);
}

} // namespace mio::os
