module;

#include <sys/socket.h>
#include <sys/types.h>

#include <expected>
#include <optional>
#include <system_error>

module mio.net.local;

import mio.core.error;
import mio.net.sockaddr;

namespace mio::net {

Result<PeerCredentials> UnixStream::peer_credentials() const noexcept {
    const auto peer = get_option<::ucred>(raw(), SOL_SOCKET, SO_PEERCRED);
    if (!peer) return std::unexpected(peer.error());
    // A socket without a peer is answered too: with user -1, which nobody has. Process 0 does not tell that: it is also
    // what a peer outside this process's PID namespace has. See pid_namespaces(7).
    if (peer->uid == static_cast<::uid_t>(-1)) return std::unexpected(os_error(std::errc::not_connected));
    PeerCredentials credentials{.user = peer->uid, .group = peer->gid, .process = std::nullopt};
    if (peer->pid != 0) credentials.process = peer->pid;
    return credentials;
}

} // namespace mio::net
