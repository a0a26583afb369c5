/// @file
/// How a Unix system call's answer becomes a `Result`. For bodies only: not part of what a consumer sees.

module;

#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <expected>
#include <system_error>

export module mio.os;

import mio.core.error;
import mio.core.owned_handle;

namespace mio::os {

/// The code of the call that failed last on this thread.
export inline std::error_code last_error() noexcept { return {errno, std::system_category()}; }

/// For calls that answer 0, or -1 and `errno`.
export inline Result<> check(int answer) noexcept {
    if (answer == -1) return std::unexpected(last_error());
    return {};
}

/// For calls that answer a new descriptor, or -1 and `errno`.
export inline Result<OwnedHandle> check_handle(int answer) noexcept {
    if (answer == -1) return std::unexpected(last_error());
    return OwnedHandle(answer);
}

/// For calls that answer a number of bytes, or -1 and `errno`.
export inline Result<std::size_t> check_count(::ssize_t answer) noexcept {
    if (answer == -1) [[unlikely]]
        return std::unexpected(last_error());
    return static_cast<std::size_t>(answer);
}

} // namespace mio::os
