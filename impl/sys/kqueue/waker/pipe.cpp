module;

#include <sys/types.h>

#include <sys/event.h>

module mio.sys.kqueue;

import mio.core.error;
import mio.core.handle;
import mio.core.types;
import mio.os.wakeup;
import mio.std;
import mio.sys.kqueue.changes;
import mio.sys.wakers;

namespace mio::sys::kqueue {

constinit const Filter Waker::filter = EVFILT_READ;

Result<Waker::Parts> Waker::open(Selector& selector, Token token) noexcept {
    auto wakeup = os::open_wakeup();
    if (!wakeup) return std::unexpected(wakeup.error());
    const auto handle = wakeup->receiver.get();
    auto added = selector.add_waker(handle, token);
    if (!added) return std::unexpected(added.error());
    return Parts{.ident = static_cast<std::uint64_t>(handle),
                 .receiver = std::move(wakeup->receiver),
                 .sender = std::move(wakeup->sender)};
}

Waker::Waker(Selector& selector, Token token, Parts&& parts) noexcept
    : selector_(selector), token_(token), ident_(parts.ident), receiver_(std::move(parts.receiver)),
      sender_(std::move(parts.sender)), pending_(selector.wakers_, parts.ident) {}

// Closing the pipe alone would leave it registered while a child process holds a copy.
Waker::~Waker() { selector_.remove_waker(receiver_.get()); }

Result<> Waker::trigger() noexcept { return os::signal(receiver_, sender_); }

} // namespace mio::sys::kqueue
