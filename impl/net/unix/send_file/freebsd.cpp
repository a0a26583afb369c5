// FreeBSD and DragonFly.

module;

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <limits>
#include <system_error>

module mio.net.pipe;

import mio.core.error;
import mio.core.handle;
import mio.core.types;
import mio.net.socket;
import mio.os;
import mio.os.sigpipe;

namespace mio::net {

Result<std::size_t> send_file(const Socket& to, RawHandle file, std::uint64_t offset,
                              std::size_t count) noexcept {
    if (offset > static_cast<std::uint64_t>(std::numeric_limits<::off_t>::max())) {
        return std::unexpected(os_error(std::errc::invalid_argument));
    }
    if (count == 0) return 0; // to the call, 0 means all that the file has
    const auto most = static_cast<std::uint64_t>(std::numeric_limits<::off_t>::max()) - offset;
    if (most == 0) return 0; // no file goes on there
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(os::clamp(count), most));
    const auto written = to.try_io(Interest::writable, [&]() -> Result<std::size_t> {
        ::off_t sent = 0;
        os::SigpipeSwallower swallower;
        if (auto held = swallower.hold(); !held) return std::unexpected(held.error());
        const int answer =
            ::sendfile(file, to.raw(), static_cast<::off_t>(offset), wanted, nullptr, &sent, 0);
        // A part that went out is told together with the reason why it is not the whole.
        const bool is_part = answer == -1 && sent > 0 && (errno == EAGAIN || errno == EINTR);
        if (answer == -1 && !is_part) return swallower.watch(std::unexpected(os::last_error()), wanted);
        return swallower.watch(static_cast<std::size_t>(sent), wanted);
    });
    // At the file's end, too: then the source is reported once more.
    if (written && *written != 0 && *written < wanted) to.exhausted(Interest::writable);
    return written;
}

} // namespace mio::net
