module;

#include <sys/socket.h>

#include <expected>
#include <system_error>

module mio.net.local;

import mio.core.error;
import mio.net.sockaddr;

namespace mio::net {

Result<PeerCredentials> UnixStream::peer_credentials() const noexcept {
    const auto peer = get_option<::ucred>(raw(), SOL_SOCKET, SO_PEERCRED);
    if (!peer) return std::unexpected(peer.error());
    // A socket without a peer is answered too: with process 0.
    if (peer->pid == 0) return std::unexpected(std::make_error_code(std::errc::not_connected));
    return PeerCredentials{.user = peer->uid, .group = peer->gid, .process = peer->pid};
}

} // namespace mio::net
