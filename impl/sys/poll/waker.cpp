module mio.sys.poll;

import mio.core.error;
import mio.core.types;
import mio.std;
import mio.sys.wakers;

namespace mio::sys::poll {

Waker::Waker(Selector& selector, Token reported_with, Parts&&) noexcept
    : RingNode(true), table_(*selector.table_), token_(reported_with) {
    table_.link(*this);
}

Waker::~Waker() { table_.unlink(*this); }

Result<> Waker::send(std::uint32_t ticket) noexcept {
    auto woken = table_.wake();
    if (woken) pending_.sent(ticket);
    return woken;
}

} // namespace mio::sys::poll
