module;

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <limits>
#include <system_error>

module mio.net.transfer;

import mio.core.error;
import mio.core.handle;
import mio.core.source;
import mio.core.types;
import mio.net.socket;
import mio.os;
import mio.os.sigpipe;

namespace mio::net {

// Neither call has a flag against SIGPIPE.

Result<std::size_t> send_file(const Socket& to, RawHandle file, std::uint64_t offset,
                              std::size_t count) noexcept {
    if (offset > static_cast<std::uint64_t>(std::numeric_limits<::off_t>::max())) {
        return std::unexpected(std::make_error_code(std::errc::invalid_argument));
    }
    return to.try_io(Interest::writable, [&] {
        auto position = static_cast<::off_t>(offset);
        os::SigpipeSwallower swallower;
        return swallower.watch(os::check_count(::sendfile(to.raw(), file, &position, count)), count);
    });
}

Result<std::size_t> splice(const IoSource& from, const IoSource& to, std::size_t count) noexcept {
    // Which side it would have to wait for, the call does not tell.
    return from.try_io(Interest::readable, [&] {
        return to.try_io(Interest::writable, [&] {
            os::SigpipeSwallower swallower;
            const auto moved =
                ::splice(from.raw(), nullptr, to.raw(), nullptr, count, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
            return swallower.watch(os::check_count(moved), count);
        });
    });
}

} // namespace mio::net
