module;

#include <atomic>
#include <cstdint>
#include <expected>
#include <mutex>
#include <system_error>
#include <utility>

module mio.sys.epoll;

import mio.core.error;
import mio.core.owned_handle;
import mio.core.types;
import mio.os.wakeup;
import mio.sys.epoll_calls;
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
    : PendingWake(selector.wakers_, token.value), eventfd_(std::move(parts.eventfd)) {}

Result<> Waker::wake() noexcept {
    if (!begin()) return {};
    return tell();
}

Result<> Waker::tell() noexcept {
    if (add_one(eventfd_.get()) > 0) [[likely]]
        return {};
    auto signalled = os::signal(eventfd_, {}); // which can do something about a counter that is full
    if (!signalled) fail();
    return signalled;
}

} // namespace mio::sys::epoll
