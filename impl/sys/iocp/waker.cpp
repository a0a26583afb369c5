module;

#include <atomic>
#include <expected>
#include <mutex>
#include <system_error>

module mio.sys.iocp;

import mio.core.error;
import mio.core.types;
import mio.sys.wakers;

namespace mio::sys::iocp {

Waker::Waker(Selector& selector, Token reported_with, Parts&&) noexcept
    : Node(true), port_(*selector.port_), token_(reported_with) {
    // The first lock of a mutex may allocate (winpthreads), and a wake-up must not.
    const std::scoped_lock lock(queueing_);
}

Waker::~Waker() {
    const std::scoped_lock lock(port_.mutex_);
    port_.take_woken();
    unlink();
}

// A thread that finds the waker already queued only ends the wait. The mutex guarantees that the waker is in the list
// then: otherwise the other thread could still be about to insert it after the poll has begun to wait, and then fail to
// end that wait. If the packet cannot be posted, the waker stays in the list and the next poll reports it.
Result<> Waker::wake() noexcept {
    const auto ticket = pending_.begin();
    if (ticket == 0) return {};
    {
        const std::scoped_lock lock(queueing_);
        if (!is_queued_.exchange(true, std::memory_order_acq_rel)) {
            next_woken_ = port_.woken_.load(std::memory_order_relaxed);
            while (!port_.woken_.compare_exchange_weak(next_woken_, this, std::memory_order_seq_cst,
                                                       std::memory_order_relaxed)) {
            }
        }
    }
    auto interrupted = port_.interrupt();
    if (interrupted) pending_.sent(ticket);
    return interrupted;
}

} // namespace mio::sys::iocp
