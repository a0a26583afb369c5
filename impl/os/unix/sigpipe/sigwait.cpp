// OpenBSD and Apple have no sigtimedwait(2).

module;

#include <csignal>

module mio.os.sigpipe;

namespace mio::os {

void take_back(const ::sigset_t& sigpipe) noexcept {
    ::sigset_t pending;
    sigemptyset(&pending);
    ::sigpending(&pending);
    // Asked first, since sigwait would wait for the signal. Only a SIGPIPE that somebody sent to the whole process
    // could be taken away by another thread meanwhile; this one is the thread's own.
    if (sigismember(&pending, SIGPIPE) != 1) return;
    int taken = 0;
    ::sigwait(&sigpipe, &taken);
}

} // namespace mio::os
