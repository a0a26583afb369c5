// FreeBSD, OpenBSD and DragonFly: the signal is sent to the thread, which consumes it.

module;

#include <sys/uio.h>

module mio.os.sigpipe;

import mio.core.error;
import mio.core.handle;
import mio.std;

namespace mio::os {

Result<std::size_t> write_quietly(RawHandle handle, std::span<const ::iovec> buffers) noexcept {
    return write_and_swallow(handle, buffers);
}

} // namespace mio::os
