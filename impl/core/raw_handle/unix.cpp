module;

#include <sys/uio.h>
#include <unistd.h>

#include <cstddef>

module mio.core.raw_handle;

import mio.std;

namespace mio {

static_assert(sizeof(RawBuffer) == sizeof(::iovec));
static_assert(offsetof(RawBuffer, data) == offsetof(::iovec, iov_base));
static_assert(offsetof(RawBuffer, size) == offsetof(::iovec, iov_len));

// Not retried on EINTR: Linux has already released the descriptor, and a second close could close another thread's.
void close_handle(RawHandle handle) noexcept { ::close(handle); }

} // namespace mio
