module;

#include <fcntl.h>
#include <poll.h>

module mio.net.pipe;

import mio.core.error;
import mio.core.source;
import mio.core.types;
import mio.os;
import mio.os.sigpipe;
import mio.std;

namespace mio::net {

namespace {

// The call does not report which side would block. Only that side may be rearmed: a source that is ready would be
// reported by every poll until the other side is ready, too.
void rearm_unready(const IoSource& from, const IoSource& to) noexcept {
    ::pollfd sides[] = {{.fd = from.raw(), .events = POLLIN, .revents = 0},
                        {.fd = to.raw(), .events = POLLOUT, .revents = 0}};
    const bool is_polled = ::poll(sides, 2, 0) != -1;
    const bool waits_for_from = is_polled && sides[0].revents == 0;
    const bool waits_for_to = is_polled && sides[1].revents == 0;
    // Both are ready, perhaps only just now: then both are rearmed.
    const bool is_neither = !waits_for_from && !waits_for_to;
    if (waits_for_from || is_neither) from.exhausted(Interest::readable);
    if (waits_for_to || is_neither) to.exhausted(Interest::writable);
}

} // namespace

Result<std::size_t> splice(const IoSource& from, const IoSource& to, std::size_t count) noexcept {
    const auto wanted = os::clamp(count);
    const auto moved = [&]() -> Result<std::size_t> {
        os::SigpipeSwallower swallower; // the call has no flag against SIGPIPE
        if (auto held = swallower.hold(); !held) return std::unexpected(held.error());
        const auto bytes =
            ::splice(from.raw(), nullptr, to.raw(), nullptr, wanted, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        return swallower.watch(os::check_count(bytes), wanted);
    }();
    if (moved ? *moved != 0 && *moved < wanted : would_block(moved.error())) {
        rearm_unready(from, to);
    } else if (!moved) {
        return from.try_io(Interest::readable,
                           [&] { return to.try_io(Interest::writable, [&] { return moved; }); });
    }
    return moved;
}

} // namespace mio::net
