// FreeBSD, OpenBSD and DragonFly: the signal is sent to the thread, which consumes it.

module;

#include <sys/uio.h>

#include <cstddef>
#include <expected>
#include <span>

module mio.net.quiet_write;

import mio.core.error;
import mio.core.handle;
import mio.os;
import mio.os.sigpipe;

namespace mio::net {

Result<std::size_t> write_quietly(RawHandle handle, std::span<const ::iovec> buffers) noexcept {
    std::size_t wanted = 0;
    for (const auto& buffer : buffers) wanted += buffer.iov_len;
    os::SigpipeSwallower swallower;
    if (auto held = swallower.hold(); !held) return std::unexpected(held.error());
    const auto count = static_cast<int>(buffers.size());
    return swallower.watch(os::check_count(::writev(handle, buffers.data(), count)), wanted);
}

} // namespace mio::net
