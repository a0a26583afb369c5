// Apple and NetBSD: the signal is sent to the process, so a thread cannot consume it, but a file can be set not to
// raise it.

module;

#include <fcntl.h>
#include <sys/uio.h>

module mio.os.sigpipe;

import mio.core.error;
import mio.core.handle;
import mio.os;
import mio.std;

namespace mio::os {

Result<std::size_t> write_quietly(RawHandle handle, std::span<const ::iovec> buffers) noexcept {
    // Set on each call, since the handle may come from elsewhere, and others who share it may reset the option.
    if (auto quiet = check(::fcntl(handle, F_SETNOSIGPIPE, 1)); !quiet) {
        return std::unexpected(quiet.error());
    }
    return check_count(::writev(handle, buffers.data(), static_cast<int>(buffers.size())));
}

} // namespace mio::os
