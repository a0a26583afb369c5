// FreeBSD and DragonFly.

module;

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cerrno>

module mio.net.pipe;

import mio.core.error;
import mio.core.handle;
import mio.core.types;
import mio.net.socket;
import mio.os;
import mio.os.sigpipe;
import mio.std;

namespace mio::net {

Result<std::size_t> send_file(const SocketBase& to, RawHandle file, std::uint64_t offset,
                              std::size_t count) noexcept {
    if (offset > static_cast<std::uint64_t>(std::numeric_limits<::off_t>::max())) {
        return std::unexpected(os_error(std::errc::invalid_argument));
    }
    if (count == 0) return 0; // the call treats 0 as the whole file
    const auto most = static_cast<std::uint64_t>(std::numeric_limits<::off_t>::max()) - offset;
    if (most == 0) return 0; // past the end of every file
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(os::clamp(count), most));
    const auto written = to.try_io(Interest::writable, [&]() -> Result<std::size_t> {
        ::off_t sent = 0;
        os::SigpipeSwallower swallower;
        if (auto held = swallower.hold(); !held) return std::unexpected(held.error());
        const int result =
            ::sendfile(file, to.raw(), static_cast<::off_t>(offset), wanted, nullptr, &sent, 0);
        // A partial send returns -1 with the reason in errno.
        const bool is_part = result == -1 && sent > 0 && (errno == EAGAIN || errno == EINTR);
        if (result == -1 && !is_part) return swallower.watch(std::unexpected(os::last_error()), wanted);
        return swallower.watch(static_cast<std::size_t>(sent), wanted);
    });
    // Also at the end of the file; then the source is reported once more.
    if (written && *written != 0 && *written < wanted) to.exhausted(Interest::writable);
    return written;
}

} // namespace mio::net
