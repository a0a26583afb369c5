module;

#include "sockets.hpp"

#include <expected>
#include <system_error>

module mio.net.socket;

import mio.core.error;
import mio.core.source;
import mio.core.types;
import mio.net.sockaddr;
import mio.sys.calls;

namespace mio::net {

Result<std::error_code> Socket::take_error() const noexcept {
    const auto error = get_option<int>(raw(), SOL_SOCKET, SO_ERROR);
    if (!error) return std::unexpected(error.error());
    if (*error == 0) return std::error_code();
    const std::error_code taken(*error, os_category());
    // As if an operation had failed with it, so that a backend that reported this error can report the next one.
    static_cast<void>(try_io(Interest::readable, [taken]() -> Result<> { return std::unexpected(taken); }));
    return taken;
}

std::error_code Socket::failed(Interest direction, sys::Count code) const noexcept {
    const auto operation = [code]() -> Result<> {
        return std::unexpected(std::error_code(static_cast<int>(-code), os_category()));
    };
    return try_io(direction, operation).error();
}

std::error_code Socket::sent_less(sys::Count moved) const noexcept {
    if (moved < 0) return failed(Interest::writable, moved);
    exhausted(Interest::writable);
    return {};
}

} // namespace mio::net
