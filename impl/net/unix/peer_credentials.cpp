module;

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

#if defined(__FreeBSD__)
#include <sys/ucred.h>
#endif

module mio.net.local;

import mio.core.error;
import mio.net.sockaddr;
import mio.os;
import mio.std;

namespace mio::net {

// Each system has its own option.
Result<PeerCredentials> UnixStream::peer_credentials() const noexcept {
#if defined(__OpenBSD__)
    const auto peer = get_option<::sockpeercred>(raw(), SOL_SOCKET, SO_PEERCRED);
    if (!peer) return std::unexpected(peer.error());
    return PeerCredentials{.user = peer->uid, .group = peer->gid, .process = peer->pid};
#elif defined(SO_PEERCRED)   // Linux, Android
    const auto peer = get_option<::ucred>(raw(), SOL_SOCKET, SO_PEERCRED);
    if (!peer) return std::unexpected(peer.error());
    // A socket without a peer has user ID -1, which is never valid. Process ID 0 does not indicate that, since a
    // peer outside this process's PID namespace has it, too. See pid_namespaces(7).
    if (peer->uid == static_cast<::uid_t>(-1)) return std::unexpected(os_error(std::errc::not_connected));
    PeerCredentials credentials{.user = peer->uid, .group = peer->gid, .process = std::nullopt};
    if (peer->pid != 0) credentials.process = peer->pid;
    return credentials;
#elif defined(LOCAL_PEEREID) // NetBSD
    const auto peer = get_option<::unpcbid>(raw(), SOL_LOCAL, LOCAL_PEEREID);
    // The kernel's error for a socket without a peer.
    if (!peer && peer.error() == std::errc::invalid_argument)
        return std::unexpected(os_error(std::errc::not_connected));
    if (!peer) return std::unexpected(peer.error());
    return PeerCredentials{.user = peer->unp_euid, .group = peer->unp_egid, .process = peer->unp_pid};
#elif defined(__FreeBSD__)
    const auto peer = get_option<::xucred>(raw(), SOL_LOCAL, LOCAL_PEERCRED);
    if (!peer) return std::unexpected(peer.error());
    // Other versions of the structure have other meanings.
    if (peer->cr_version != XUCRED_VERSION) return std::unexpected(make_error_code(Errc::unsupported));
    PeerCredentials credentials{.user = peer->cr_uid, .group = peer->cr_groups[0], .process = std::nullopt};
    if (peer->cr_pid != 0) credentials.process = peer->cr_pid; // 0 before FreeBSD 13
    return credentials;
#else                      // Apple, DragonFly
    PeerCredentials credentials{.user = 0, .group = 0, .process = std::nullopt};
    ::uid_t user = 0;
    ::gid_t group = 0;
    if (::getpeereid(raw(), &user, &group) == -1) return std::unexpected(os::last_error());
    credentials.user = user;
    credentials.group = group;
#if defined(LOCAL_PEERPID) // Apple
    const auto process = get_option<::pid_t>(raw(), SOL_LOCAL, LOCAL_PEERPID);
    if (!process) return std::unexpected(process.error());
    credentials.process = *process;
#endif
    return credentials;
#endif
}

} // namespace mio::net
