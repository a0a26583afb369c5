module;

#include <sys/types.h>
#include <sys/uio.h>

#include <cerrno>

module mio.os.sigpipe;

import mio.core.error;
import mio.core.handle;
import mio.os;
import mio.std;

namespace mio::os {
namespace {

// RWF_NOSIGNAL of Linux 6.18, newer than most headers. @see pwritev2(2)
constexpr int rwf_nosignal = 0x100;
constexpr ::off_t current_position = -1;

std::atomic<bool> has_nosignal = true;

} // namespace

Result<std::size_t> write_quietly(RawHandle handle, std::span<const ::iovec> buffers) noexcept {
    if (has_nosignal.load(std::memory_order_relaxed)) {
        const auto count = static_cast<int>(buffers.size());
        const auto written = ::pwritev2(handle, buffers.data(), count, current_position, rwf_nosignal);
        // EOPNOTSUPP: the kernel does not support the flag. ENOSYS and EPERM: a sandbox rejects the call.
        if (written != -1 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != EPERM)) {
            return check_count(written);
        }
        has_nosignal.store(false, std::memory_order_relaxed);
    }
    return write_and_swallow(handle, buffers);
}

} // namespace mio::os
