module;

#include <expected>
#include <system_error>

module mio.net.local;

import mio.core.error;

namespace mio::net {

// Windows tells a number of the peer's process, and nothing of its user.
Result<PeerCredentials> UnixStream::peer_credentials() const noexcept {
    return std::unexpected(make_error_code(Errc::unsupported));
}

} // namespace mio::net
