/// @file
/// How a Windows call's answer becomes a `Result`. For bodies only: not part of what a consumer sees.

module;

#include <winsock2.h>

#include <windows.h>

#include <cstddef>
#include <expected>
#include <system_error>

export module mio.os;

import mio.core.error;
import mio.core.handle;

namespace mio::os {

/// The error with this number, a Win32 or Winsock code.
export inline std::error_code error(unsigned long code) noexcept {
    return {static_cast<int>(code), os_category()};
}

/// The code of the Win32 call that failed last on this thread.
export inline std::error_code last_error() noexcept { return error(::GetLastError()); }

/// The code of the Winsock call that failed last on this thread.
export inline std::error_code last_socket_error() noexcept { return {::WSAGetLastError(), os_category()}; }

/// For Winsock calls that answer 0, or SOCKET_ERROR.
export inline Result<> check(int answer) noexcept {
    if (answer == SOCKET_ERROR) return std::unexpected(last_socket_error());
    return {};
}

/// For Winsock calls that answer a new socket, or INVALID_SOCKET.
export inline Result<OwnedHandle> check_handle(RawHandle answer) noexcept {
    if (answer == INVALID_SOCKET) return std::unexpected(last_socket_error());
    return OwnedHandle(answer);
}

/// For Winsock calls that answer a number of bytes, or SOCKET_ERROR.
export inline Result<std::size_t> check_count(int answer) noexcept {
    if (answer == SOCKET_ERROR) [[unlikely]]
        return std::unexpected(last_socket_error());
    return static_cast<std::size_t>(answer);
}

/// For Win32 calls that answer true, or false.
export inline Result<> check_bool(int answer) noexcept {
    if (answer == 0) return std::unexpected(last_error());
    return {};
}

} // namespace mio::os
