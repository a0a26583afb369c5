module mio.sys.iocp;

import mio.core.error;
import mio.core.types;
import mio.std;
import mio.sys.wakers;

namespace mio::sys::iocp {

Waker::Waker(Selector& selector, Token reported_with, Parts&&) noexcept
    : RingNode(true), port_(*selector.table_), token_(reported_with) {
    const std::scoped_lock lock(port_.mutex_);
    next_waker_ = std::exchange(port_.first_waker_, this);
}

Waker::~Waker() {
    const std::scoped_lock lock(port_.mutex_);
    unlink();
    auto** link = &port_.first_waker_;
    while (*link != this) link = &(*link)->next_waker_;
    *link = next_waker_;
}

// Threads whose wake-ups overlap make every step each, because the other thread may be suspended between two steps, or
// fail. If the packet cannot be posted, the wake-up stays pending and the next poll reports it.
Result<> Waker::send(std::uint32_t ticket) noexcept {
    // A read-modify-write: a plain store would end the release sequence of another waker.
    port_.is_any_woken_.exchange(true, std::memory_order_seq_cst);
    auto interrupted = port_.interrupt();
    if (interrupted) pending_.sent(ticket);
    return interrupted;
}

} // namespace mio::sys::iocp
