module;

#include <sys/types.h>

#include <sys/event.h>

#include <cstdint>

module mio.sys.kqueue;

import mio.core.error;
import mio.core.handle;
import mio.core.types;
import mio.os;
import mio.std;
import mio.sys.kqueue.changes;
import mio.sys.wakers;

namespace mio::sys::kqueue {

constinit const Filter Waker::filter = EVFILT_USER;

Result<Waker::Parts> Waker::open(Selector& selector, Token token) noexcept {
    // An ident unique among wakers, and unlikely to be chosen by a program for its own events.
    static std::atomic<std::uint64_t> last = 0;
    const std::uint64_t ident = UINT32_MAX - (last.fetch_add(1, std::memory_order_relaxed) + 1);
    Changes changes;
    changes.add(ident, filter, EV_ADD | EV_CLEAR, token);
    if (auto added = changes.submit(selector.kqueue_.get()); !added) return std::unexpected(added.error());
    return Parts{.ident = ident, .receiver = {}, .sender = {}};
}

Waker::Waker(Selector& selector, Token token, Parts&& parts) noexcept
    : selector_(selector), token_(token), ident_(parts.ident), pending_(selector.wakers_, parts.ident) {}

Waker::~Waker() {
    if (selector_.is_inherited()) return;
    Changes changes;
    changes.drop(ident_, filter);
    static_cast<void>(changes.submit(selector_.kqueue_.get()));
}

Result<> Waker::trigger() noexcept {
    const os::KeepErrno keep;
    Changes changes;
    changes.add(ident_, filter, 0, token_, NOTE_TRIGGER);
    return changes.submit(selector_.kqueue_.get());
}

} // namespace mio::sys::kqueue
