/// @file
/// Writing to what is no socket, without SIGPIPE. For bodies only.

module;

#include <sys/uio.h>

#include <cstddef>
#include <span>

export module mio.net.quiet_write;

import mio.core.error;
import mio.core.handle;

namespace mio::net {

/// As writev(2), but a reader that is gone is only an error.
export Result<std::size_t> write_quietly(RawHandle handle, std::span<const ::iovec> buffers) noexcept;

} // namespace mio::net
