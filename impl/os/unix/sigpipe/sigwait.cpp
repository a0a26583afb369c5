// OpenBSD and Apple have no sigtimedwait(2).

module;

#include <csignal>

module mio.os.sigpipe;

import mio.core.error;

namespace mio::os {

bool take_back(const ::sigset_t& sigpipe) noexcept {
    ::sigset_t pending;
    sigemptyset(&pending);
    if (::sigpending(&pending) == -1) return false;
    // Asked first, since sigwait would wait for the signal. Only a SIGPIPE that somebody sent to the whole process
    // could be taken away by another thread meanwhile; this one is the thread's own.
    if (sigismember(&pending, SIGPIPE) != 1) return true;
    int taken = 0;
    return ::sigwait(&sigpipe, &taken) == 0;
}

// These systems have no sandbox that refuses it and lets the process live.
Result<> can_take_back() noexcept { return {}; }

} // namespace mio::os
