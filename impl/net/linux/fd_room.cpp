module;

#include <sys/socket.h>

#include <algorithm>
#include <cstddef>

module mio.net.fd_passing;

import mio.core.handle;

namespace mio::net {

// The kernel closes what there is no room for.
std::size_t control_room(std::size_t fds) noexcept {
    return fds == 0 ? 0 : CMSG_LEN(std::min(fds, max_fds) * sizeof(RawHandle));
}

} // namespace mio::net
