// FreeBSD's and OpenBSD's SO_SPLICE joins two sockets permanently, which is a different operation.

module;

module mio.net.pipe;

import mio.core.error;
import mio.core.source;
import mio.std;

namespace mio::net {

Result<std::size_t> splice(const IoSource&, const IoSource&, std::size_t) noexcept {
    return std::unexpected(make_error_code(Errc::unsupported));
}

} // namespace mio::net
