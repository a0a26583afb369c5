// FreeBSD, OpenBSD and DragonFly: the signal is sent to the thread, which consumes it.

module;

#include <sys/uio.h>

#include <cstddef>
#include <expected>
#include <span>

module mio.os.sigpipe;

import mio.core.error;
import mio.core.handle;
import mio.os;

namespace mio::os {

Result<std::size_t> write_quietly(RawHandle handle, std::span<const ::iovec> buffers) noexcept {
    std::size_t wanted = 0;
    for (const auto& buffer : buffers) wanted += buffer.iov_len;
    SigpipeSwallower swallower;
    if (auto held = swallower.hold(); !held) return std::unexpected(held.error());
    const auto count = static_cast<int>(buffers.size());
    return swallower.watch(check_count(::writev(handle, buffers.data(), count)), wanted);
}

} // namespace mio::os
