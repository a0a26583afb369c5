module;

#include <fcntl.h>

#include <cstddef>

module mio.net.transfer;

import mio.core.error;
import mio.core.source;
import mio.core.types;
import mio.os;
import mio.os.sigpipe;

namespace mio::net {

Result<std::size_t> splice(const IoSource& from, const IoSource& to, std::size_t count) noexcept {
    // Which side it would have to wait for, the call does not tell.
    return from.try_io(Interest::readable, [&] {
        return to.try_io(Interest::writable, [&] {
            os::SigpipeSwallower swallower; // the call has no flag against SIGPIPE
            const auto moved =
                ::splice(from.raw(), nullptr, to.raw(), nullptr, count, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
            return swallower.watch(os::check_count(moved), count);
        });
    });
}

} // namespace mio::net
