module;

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cerrno>

module mio.net.pipe;

import mio.core.error;
import mio.core.handle;
import mio.core.types;
import mio.net.sockaddr;
import mio.net.socket;
import mio.os;
import mio.std;

namespace mio::net {

Result<std::size_t> send_file(const SocketBase& to, RawHandle file, std::uint64_t offset,
                              std::size_t count) noexcept {
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<::off_t>::max());
    if (offset > most) return std::unexpected(os_error(std::errc::invalid_argument));
    if (count == 0) return 0; // the call treats 0 as the whole file
    const auto wanted = std::min<std::uint64_t>(os::clamp(count), most - offset);
    if (wanted == 0) return 0; // past the end of every file
    const auto written = to.try_io(Interest::writable, [&]() -> Result<std::size_t> {
        // The call has no flag against SIGPIPE, and a foreign socket may not have the option set. Setting it fails
        // if the connection is closed, and then the send fails anyway.
        [[maybe_unused]] const auto ignored = set_flag(to.raw(), SOL_SOCKET, SO_NOSIGPIPE, true);
        auto length = static_cast<::off_t>(wanted); // in: requested; out: sent
        const int result = ::sendfile(file, to.raw(), static_cast<::off_t>(offset), &length, nullptr, 0);
        // A partial send returns -1 with the reason in errno.
        const bool is_part = result == -1 && length > 0 && (errno == EAGAIN || errno == EINTR);
        if (result == -1 && !is_part) return std::unexpected(os::last_error());
        return static_cast<std::size_t>(length);
    });
    // Also at the end of the file; then the source is reported once more.
    if (written && *written != 0 && *written < wanted) to.exhausted(Interest::writable);
    return written;
}

} // namespace mio::net
