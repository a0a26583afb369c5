// NetBSD and OpenBSD have no such call.

module;

module mio.net.pipe;

import mio.core.error;
import mio.core.handle;
import mio.net.socket;
import mio.std;

namespace mio::net {

Result<std::size_t> send_file(const SocketBase&, RawHandle, std::uint64_t, std::size_t) noexcept {
    return std::unexpected(make_error_code(Errc::unsupported));
}

} // namespace mio::net
