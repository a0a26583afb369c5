module;

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/ucred.h>
#include <sys/un.h>

#include <expected>
#include <optional>
#include <system_error>

module mio.net.local;

import mio.core.error;
import mio.net.sockaddr;

namespace mio::net {

Result<PeerCredentials> UnixStream::peer_credentials() const noexcept {
    const auto peer = get_option<::xucred>(raw(), SOL_LOCAL, LOCAL_PEERCRED);
    if (!peer) return std::unexpected(peer.error());
    // A structure of another version means other things.
    if (peer->cr_version != XUCRED_VERSION) return std::unexpected(make_error_code(Errc::unsupported));
    PeerCredentials credentials{.user = peer->cr_uid, .group = peer->cr_groups[0], .process = std::nullopt};
    if (peer->cr_pid != 0) credentials.process = peer->cr_pid; // kernels before FreeBSD 13 leave it 0
    return credentials;
}

} // namespace mio::net
