module;

#include <fcntl.h>

#include <cstddef>
#include <expected>

module mio.net.transfer;

import mio.core.error;
import mio.core.source;
import mio.core.types;
import mio.os;
import mio.os.sigpipe;

namespace mio::net {

Result<std::size_t> splice(const IoSource& from, const IoSource& to, std::size_t count) noexcept {
    // Which side it would have to wait for, the call does not tell.
    const auto wanted = os::clamp(count);
    return from.try_io(Interest::readable, [&] {
        return to.try_io(Interest::writable, [&]() -> Result<std::size_t> {
            os::SigpipeSwallower swallower; // the call has no flag against SIGPIPE
            if (auto held = swallower.hold(); !held) return std::unexpected(held.error());
            const auto moved =
                ::splice(from.raw(), nullptr, to.raw(), nullptr, wanted, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
            return swallower.watch(os::check_count(moved), wanted);
        });
    });
}

} // namespace mio::net
