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
import mio.core.handle;

namespace mio::os {

/// The code of the call that failed last on this thread.
export inline std::error_code last_error() noexcept { return {errno, os_category()}; }

/// The most bytes that one call is asked to move: what Linux moves at the most (its MAX_RW_COUNT, with pages of 4 KiB).
/// Other systems refuse more than INT_MAX or SSIZE_MAX. @see read(2)
export inline constexpr std::size_t most_bytes = 0x7fff'f000;
export inline constexpr std::size_t clamp(std::size_t size) noexcept {
    return size < most_bytes ? size : most_bytes;
}

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
