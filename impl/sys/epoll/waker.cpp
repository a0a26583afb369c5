module;

#include <sys/epoll.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <expected>
#include <mutex>
#include <system_error>
#include <utility>

module mio.sys.epoll;

import mio.core.error;
import mio.core.event;
import mio.core.owned_handle;
import mio.core.types;
import mio.os.wakeup;
import mio.sys.wakers;

namespace mio::sys::epoll {

Result<Waker::Parts> Waker::open(Selector& selector, Token token) noexcept {
    auto wakeup = os::open_wakeup();
    if (!wakeup) return std::unexpected(wakeup.error());
    auto added = selector.add(wakeup->receiver.get(), token, Interest::readable, Trigger::edge);
    if (!added) return std::unexpected(added.error());
    return Parts{std::move(wakeup->receiver)};
}

Waker::Waker(Selector& selector, Token token, Parts&& parts) noexcept
    : PendingWake(selector.wakers_, token.value), eventfd_(std::move(parts.eventfd)) {}

Result<> Waker::wake() noexcept {
    if (!begin()) return {};
    auto signalled = os::signal(eventfd_, {});
    if (!signalled) fail();
    return signalled;
}

// Answers 0, so that `take` can end with it.
int Selector::settle(const Events& events) noexcept {
    // A user's source may share a waker's token and be taken for it.
    wakers_.settle([&events](std::uint64_t token) {
        return std::ranges::any_of(events, [token](const Event& event) {
            return event.token().value == token && event.raw_flags() == EPOLLIN;
        });
    });
    return 0;
}

} // namespace mio::sys::epoll
