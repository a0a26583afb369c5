/// @file
/// Conversion of Unix system call results to `Result`. Internal: not visible to consumers.

module;

#include <sys/types.h>

#include <cerrno>

export module mio.os;

import mio.core.error;
import mio.core.handle;
import mio.std;

namespace mio::os {

/// The error of this thread's last failed call.
export inline std::error_code last_error() noexcept { return {errno, os_category()}; }

/// Restores `errno` at the end of a scope, for calls that a signal handler may make. @see signal-safety(7)
export class KeepErrno {
  public:
    KeepErrno() noexcept = default;
    KeepErrno(const KeepErrno&) = delete;
    KeepErrno& operator=(const KeepErrno&) = delete;
    ~KeepErrno() { errno = before_; }

  private:
    const int before_ = errno;
};

/// Maximum number of bytes per call: Linux's MAX_RW_COUNT with 4 KiB pages. Other systems reject more than INT_MAX
/// or SSIZE_MAX. @see read(2)
export inline constexpr std::size_t most_bytes = 0x7fff'f000;
export inline constexpr std::size_t clamp(std::size_t size) noexcept {
    return size < most_bytes ? size : most_bytes;
}

/// For calls that return 0, or -1 and set `errno`.
export inline Result<> check(int result) noexcept {
    if (result == -1) return std::unexpected(last_error());
    return {};
}

/// For calls that return a new descriptor, or -1 and set `errno`.
export inline Result<OwnedHandle> check_handle(int result) noexcept {
    if (result == -1) return std::unexpected(last_error());
    return OwnedHandle(result);
}

/// For calls that return a byte count, or -1 and set `errno`.
export inline Result<std::size_t> check_count(::ssize_t result) noexcept {
    if (result == -1) [[unlikely]]
        return std::unexpected(last_error());
    return static_cast<std::size_t>(result);
}

} // namespace mio::os
