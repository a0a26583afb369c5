/// @file
/// What ends the wait of another thread for a kqueue, on the bare calls, where it has no events of its own: a pipe.

module;

#include <sys/types.h>

#include <sys/event.h>

#include <cstddef>
#include <cstdint>

export module probe.bench.kqueue_waker;

import probe.bench.kqueue_change;
import probe.bench.wakeup;

namespace probe::bench {

export class KqueueWaker {
  public:
    KqueueWaker(int kqueue, std::size_t token) {
        change(kqueue, static_cast<std::uintptr_t>(wakeup_.raw()), EVFILT_READ, EV_ADD | EV_CLEAR, 0, token);
    }
    // Each write is an edge, so that the pipe need not be drained: it has room for all wakes of a round.
    void wake() const { wakeup_.signal(); }

  private:
    Wakeup wakeup_;
};

} // namespace probe::bench
