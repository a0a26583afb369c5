module;

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <expected>
#include <system_error>

module mio.net.local;

import mio.core.error;
import mio.net.sockaddr;
import mio.os;

namespace mio::net {

Result<PeerCredentials> UnixStream::peer_credentials() const noexcept {
    ::uid_t user = 0;
    ::gid_t group = 0;
    if (::getpeereid(raw(), &user, &group) == -1) return std::unexpected(os::last_error());
    const auto process = get_option<::pid_t>(raw(), SOL_LOCAL, LOCAL_PEERPID);
    if (!process) return std::unexpected(process.error());
    return PeerCredentials{.user = user, .group = group, .process = *process};
}

} // namespace mio::net
