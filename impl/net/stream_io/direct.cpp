module;

#include <expected>
#include <system_error>

module mio.net.stream_io;

import mio.core.error;

namespace mio::net {

std::unexpected<std::error_code> stream_error(long answer) noexcept {
    return std::unexpected(std::error_code(static_cast<int>(-answer), std::system_category()));
}

} // namespace mio::net
