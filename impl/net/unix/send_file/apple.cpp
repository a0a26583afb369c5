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
import mio.net.sockaddr;
import mio.net.socket;
import mio.os;

namespace mio::net {

Result<std::size_t> send_file(const Socket& to, RawHandle file, std::uint64_t offset,
                              std::size_t count) noexcept {
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<::off_t>::max());
    if (offset > most) return std::unexpected(os_error(std::errc::invalid_argument));
    if (count == 0) return 0; // to the call, 0 means all that the file has
    const auto wanted = std::min<std::uint64_t>(os::clamp(count), most - offset);
    if (wanted == 0) return 0; // no file goes on there
    const auto written = to.try_io(Interest::writable, [&]() -> Result<std::size_t> {
        // The call has no flag against SIGPIPE, and a socket from elsewhere may not have the option yet. Setting it
        // fails when the connection is gone, and then there is nothing more to be done.
        [[maybe_unused]] const auto ignored = set_flag(to.raw(), SOL_SOCKET, SO_NOSIGPIPE, true);
        auto length = static_cast<::off_t>(wanted); // in: how much; out: how much went
        const int answer = ::sendfile(file, to.raw(), static_cast<::off_t>(offset), &length, nullptr, 0);
        // A part that went out is told together with the reason why it is not the whole.
        const bool is_part = answer == -1 && length > 0 && (errno == EAGAIN || errno == EINTR);
        if (answer == -1 && !is_part) return std::unexpected(os::last_error());
        return static_cast<std::size_t>(length);
    });
    // At the file's end, too: then the source is reported once more.
    if (written && *written != 0 && *written < wanted) to.exhausted(Interest::writable);
    return written;
}

} // namespace mio::net
