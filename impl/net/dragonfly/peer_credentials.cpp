module;

#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <expected>
#include <optional>
#include <system_error>

module mio.net.local;

import mio.core.error;
import mio.os;

namespace mio::net {

// The kernel does not tell the process.
Result<PeerCredentials> UnixStream::peer_credentials() const noexcept {
    ::uid_t user = 0;
    ::gid_t group = 0;
    if (::getpeereid(raw(), &user, &group) == -1) return std::unexpected(os::last_error());
    return PeerCredentials{.user = user, .group = group, .process = std::nullopt};
}

} // namespace mio::net
