module;

#include <sys/socket.h>

#include <expected>
#include <system_error>

module mio.net.socket;

import mio.core.error;
import mio.net.sockaddr;

namespace mio::net {

Result<std::error_code> Socket::take_error() const noexcept {
    const auto error = get_option<int>(raw(), SOL_SOCKET, SO_ERROR);
    if (!error) return std::unexpected(error.error());
    if (*error == 0) return std::error_code();
    return std::error_code(*error, os_category());
}

} // namespace mio::net
