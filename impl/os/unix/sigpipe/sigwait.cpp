// OpenBSD and Apple have no sigtimedwait(2).

module;

#include <csignal>

module mio.os.sigpipe;

import mio.core.error;

namespace mio::os {

bool take_back(int number) noexcept {
    // Check first, since sigwait would block. Another thread could consume a signal sent to the whole process in
    // between, but not one that is directed at this thread.
    const auto pending = is_pending(number);
    if (!pending) return false;
    if (!*pending) return true;
    ::sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    int taken = 0;
    return ::sigwait(&set, &taken) == 0;
}

// These systems have no sandbox that rejects the call without terminating the process.
Result<> can_take_back() noexcept { return {}; }

} // namespace mio::os
