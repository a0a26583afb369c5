module;

#include <sys/socket.h>
#include <sys/types.h>

#include <expected>
#include <system_error>

module mio.net.local;

import mio.core.error;
import mio.net.sockaddr;

namespace mio::net {

Result<PeerCredentials> UnixStream::peer_credentials() const noexcept {
    const auto peer = get_option<::sockpeercred>(raw(), SOL_SOCKET, SO_PEERCRED);
    if (!peer) return std::unexpected(peer.error());
    return PeerCredentials{.user = peer->uid, .group = peer->gid, .process = peer->pid};
}

} // namespace mio::net
