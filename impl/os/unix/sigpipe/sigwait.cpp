// OpenBSD and Apple have no sigtimedwait(2).

module;

#include <csignal>

module mio.os.sigpipe;

import mio.core.error;

namespace mio::os {

bool take_back(int number) noexcept {
    ::sigset_t pending;
    ::sigset_t set;
    sigemptyset(&pending);
    sigemptyset(&set);
    sigaddset(&set, number);
    if (::sigpending(&pending) == -1) return false;
    // Check first, since sigwait would block. Another thread could consume a signal sent to the whole process in between,
    // but not one that is directed at this thread.
    if (sigismember(&pending, number) != 1) return true;
    int taken = 0;
    return ::sigwait(&set, &taken) == 0;
}

// These systems have no sandbox that rejects the call without terminating the process.
Result<> can_take_back() noexcept { return {}; }

} // namespace mio::os
