module mio.sys.kqueue;

import mio.core.error;
import mio.std;
import mio.sys.wakers;

namespace mio::sys::kqueue {

Result<> Waker::send(std::uint32_t ticket) noexcept {
    auto triggered = trigger();
    if (triggered) pending_.sent(ticket);
    return triggered;
}

} // namespace mio::sys::kqueue
