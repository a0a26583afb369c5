module;

#include <expected>
#include <system_error>

module mio.net.socket;

import mio.core.error;
import mio.core.types;
import mio.sys.calls;

namespace mio::net {

std::error_code Socket::failed(Interest direction, sys::Moved code) const noexcept {
    const auto operation = [code]() -> Result<> {
        return std::unexpected(std::error_code(static_cast<int>(-code), os_category()));
    };
    return try_io(direction, operation).error();
}

} // namespace mio::net
