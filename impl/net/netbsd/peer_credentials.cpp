module;

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include <expected>
#include <system_error>

module mio.net.local;

import mio.core.error;
import mio.net.sockaddr;

namespace mio::net {

Result<PeerCredentials> UnixStream::peer_credentials() const noexcept {
    const auto peer = get_option<::unpcbid>(raw(), SOL_LOCAL, LOCAL_PEEREID);
    // What the kernel answers when there is no peer.
    if (!peer && peer.error() == std::errc::invalid_argument)
        return std::unexpected(os_error(std::errc::not_connected));
    if (!peer) return std::unexpected(peer.error());
    return PeerCredentials{.user = peer->unp_euid, .group = peer->unp_egid, .process = peer->unp_pid};
}

} // namespace mio::net
