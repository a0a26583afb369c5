module;

#include <cerrno>

module mio.core.error;

import mio.std;

namespace mio {

const std::error_category& os_category() noexcept { return std::system_category(); }

std::error_code os_error(std::errc condition) noexcept {
    return {static_cast<int>(condition), os_category()};
}

bool would_block(const std::error_code& code) noexcept {
    // Fast path: checked after every read that drains a socket, so the common result must not search the categories.
    if (code.category() == std::system_category())
        return code.value() == EAGAIN || code.value() == EWOULDBLOCK;
    return code == std::errc::operation_would_block || code == std::errc::resource_unavailable_try_again;
}

bool interrupted(const std::error_code& code) noexcept { return code == std::errc::interrupted; }

bool in_progress(const std::error_code& code) noexcept { return code == std::errc::operation_in_progress; }

} // namespace mio
