// FreeBSD and OpenBSD can join two sockets for good (SO_SPLICE), which is another thing.

module;

#include <cstddef>
#include <expected>
#include <system_error>

module mio.net.pipe;

import mio.core.error;
import mio.core.source;

namespace mio::net {

Result<std::size_t> splice(const IoSource&, const IoSource&, std::size_t) noexcept {
    return std::unexpected(make_error_code(Errc::unsupported));
}

} // namespace mio::net
