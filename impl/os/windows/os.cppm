/// @file
/// Conversion of Windows call results to `Result`. Internal: not visible to consumers.

module;

#include <winsock2.h>

#include <windows.h>

export module mio.os;

import mio.core.error;
import mio.core.handle;
import mio.std;

namespace mio::os {

/// The error for a Win32 or Winsock code.
export inline std::error_code error(unsigned long code) noexcept {
    return {static_cast<int>(code), os_category()};
}

/// The error of this thread's last failed Win32 call.
export inline std::error_code last_error() noexcept { return error(::GetLastError()); }

/// The error of this thread's last failed Winsock call.
export inline std::error_code last_socket_error() noexcept { return {::WSAGetLastError(), os_category()}; }

/// For Winsock calls that return 0, or SOCKET_ERROR.
export inline Result<> check(int result) noexcept {
    if (result == SOCKET_ERROR) return std::unexpected(last_socket_error());
    return {};
}

/// For Winsock calls that return a new socket, or INVALID_SOCKET.
export inline Result<OwnedHandle> check_handle(RawHandle result) noexcept {
    if (result == INVALID_SOCKET) return std::unexpected(last_socket_error());
    return OwnedHandle(result);
}

/// For Winsock calls that return a byte count, or SOCKET_ERROR.
export inline Result<std::size_t> check_count(int result) noexcept {
    if (result == SOCKET_ERROR) [[unlikely]]
        return std::unexpected(last_socket_error());
    return static_cast<std::size_t>(result);
}

/// For Win32 calls that return nonzero, or zero on failure.
export inline Result<> check_bool(int result) noexcept {
    if (result == 0) return std::unexpected(last_error());
    return {};
}

} // namespace mio::os
