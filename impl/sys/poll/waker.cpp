module;

#include <atomic>
#include <expected>
#include <system_error>

module mio.sys.poll;

import mio.core.error;
import mio.core.types;

namespace mio::sys::poll {

Waker::Waker(Selector& selector, Token reported_with, Parts&&) noexcept
    : Node(reported_with, true), table_(*selector.table_) {
    table_.link(*this);
}

Waker::~Waker() { table_.unlink(*this); }

// Only the thread that turns `pending_` from false to true has more to do. The others rely on its work, and on
// `pending_` being cleared only together with an event: see `Table::collect`.
Result<> Waker::wake() noexcept {
    if (pending_.exchange(true, std::memory_order_acq_rel)) return {};
    auto woken = table_.wake();
    if (!woken) pending_.store(false, std::memory_order_release);
    return woken;
}

} // namespace mio::sys::poll
