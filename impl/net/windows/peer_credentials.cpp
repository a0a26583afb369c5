module mio.net.local;

import mio.core.error;
import mio.std;

namespace mio::net {

// Windows provides the process ID of the peer (SIO_AF_UNIX_GETPEERPID), but not its user.
Result<PeerCredentials> UnixStream::peer_credentials() const noexcept {
    return std::unexpected(make_error_code(Errc::unsupported));
}

} // namespace mio::net
