module;

#include <cstddef>
#include <expected>
#include <system_error>

module mio.net.socket;

import mio.core.error;
import mio.core.types;
import mio.sys.calls;

namespace mio::net {

Result<std::size_t> Socket::failed(Interest direction, sys::Moved code) const noexcept {
    return try_io(direction, [code]() -> Result<std::size_t> {
        return std::unexpected(std::error_code(static_cast<int>(-code), os_category()));
    });
}

} // namespace mio::net
