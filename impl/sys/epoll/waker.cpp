module;

#include <sys/epoll.h>

module mio.sys.epoll;

import mio.core.error;
import mio.core.handle;
import mio.core.types;
import mio.os.fork;
import mio.os.wakeup;
import mio.std;
import mio.sys.calls;
import mio.sys.wakers;

namespace mio::sys::epoll {

Result<Waker::Parts> Waker::open(Selector& selector, Token token) noexcept {
    auto wakeup = os::open_wakeup();
    if (!wakeup) return std::unexpected(wakeup.error());
    auto added = selector.add_waker(wakeup->receiver.get(), token);
    if (!added) return std::unexpected(added.error());
    return Parts{std::move(wakeup->receiver)};
}

Waker::Waker(Selector& selector, Token token, Parts&& parts) noexcept
    : selector_(selector), eventfd_(std::move(parts.eventfd)), fork_generation_(os::fork_generation()),
      pending_(selector.wakers_, token.value) {}

// Closing the eventfd alone would leave it registered while a child process holds a copy. In such a child, the
// registration belongs to the parent.
Waker::~Waker() {
    if (fork_generation_ != os::fork_generation()) return;
    control_epoll(selector_.epoll_.get(), EPOLL_CTL_DEL, eventfd_.get(), nullptr);
}

Result<> Waker::send(std::uint32_t ticket) noexcept {
    if (add_eventfd(eventfd_.get(), 1) < 0) [[unlikely]] {
        // The counter may be full; `signal` drains and retries.
        if (auto signalled = os::signal(eventfd_, {}); !signalled) return signalled;
    }
    pending_.sent(ticket);
    return {};
}

} // namespace mio::sys::epoll
