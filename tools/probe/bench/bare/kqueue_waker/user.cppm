/// @file
/// What ends the wait of another thread for a kqueue, on the bare calls: an event of the kqueue's own.

module;

#include <sys/types.h>

#include <sys/event.h>

#include <cstddef>

export module probe.bench.kqueue_waker;

import probe.bench.kqueue_change;

namespace probe::bench {

export class KqueueWaker {
  public:
    KqueueWaker(int kqueue, std::size_t token) : kqueue_(kqueue), token_(token) {
        change(kqueue_, 0, EVFILT_USER, EV_ADD | EV_CLEAR, 0, token_);
    }
    void wake() const { change(kqueue_, 0, EVFILT_USER, 0, NOTE_TRIGGER, token_); }

  private:
    int kqueue_;
    std::size_t token_;
};

} // namespace probe::bench
