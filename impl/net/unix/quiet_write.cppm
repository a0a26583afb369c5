/// @file
/// Writing to descriptors other than sockets without SIGPIPE. Internal.

module;

#include <sys/uio.h>

#include <cstddef>
#include <span>

export module mio.net.quiet_write;

import mio.core.error;
import mio.core.handle;

namespace mio::net {

/// Like writev(2), but a closed reader causes only an error.
export Result<std::size_t> write_quietly(RawHandle handle, std::span<const ::iovec> buffers) noexcept;

} // namespace mio::net
