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
    // Check first, since sigwait would block. Only a SIGPIPE sent to the whole process could be consumed by another
    // thread in between; this one is directed at the thread.
    if (sigismember(&pending, SIGPIPE) != 1) return true;
    int taken = 0;
    return ::sigwait(&sigpipe, &taken) == 0;
}

// These systems have no sandbox that rejects the call without terminating the process.
Result<> can_take_back() noexcept { return {}; }

} // namespace mio::os
