// Apple and NetBSD: the signal goes to the process, so that no thread could take it back, but a file can be kept from
// raising it.

module;

#include <fcntl.h>
#include <sys/uio.h>

#include <cstddef>
#include <expected>
#include <span>
#include <system_error>

module mio.net.quiet_write;

import mio.core.error;
import mio.core.handle;
import mio.os;

namespace mio::net {

Result<std::size_t> write_quietly(RawHandle handle, std::span<const ::iovec> buffers) noexcept {
    // Each time, since the handle may come from elsewhere, and whoever shares it may have changed that.
    if (auto quiet = os::check(::fcntl(handle, F_SETNOSIGPIPE, 1)); !quiet) {
        return std::unexpected(quiet.error());
    }
    return os::check_count(::writev(handle, buffers.data(), static_cast<int>(buffers.size())));
}

} // namespace mio::net
