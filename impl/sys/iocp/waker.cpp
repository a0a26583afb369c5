module;

#include <atomic>
#include <expected>
#include <mutex>
#include <system_error>

module mio.sys.iocp;

import mio.core.error;
import mio.core.types;

namespace mio::sys::iocp {

Waker::Waker(Selector& selector, Token reported_with, Parts&&) noexcept
    : Node(true), port_(*selector.port_), token_(reported_with) {}

Waker::~Waker() {
    const std::scoped_lock lock(port_.mutex_);
    port_.take_woken();
    unlink();
}

// Only the thread that turns `pending_` from false to true has more to do. The others rely on its work, and on
// `pending_` being cleared only together with an event: see `Port::collect`.
Result<> Waker::wake() noexcept {
    if (pending_.exchange(true, std::memory_order_acq_rel)) return {};
    next_woken_ = port_.woken_.load(std::memory_order_relaxed);
    while (!port_.woken_.compare_exchange_weak(next_woken_, this, std::memory_order_seq_cst,
                                               std::memory_order_relaxed)) {
    }
    auto interrupted = port_.interrupt();
    if (!interrupted) {
        // The next wake is to try again.
        const std::scoped_lock lock(port_.mutex_);
        port_.take_woken();
        unlink();
        pending_.store(false, std::memory_order_release);
    }
    return interrupted;
}

} // namespace mio::sys::iocp
