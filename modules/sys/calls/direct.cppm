/// @file
/// The calls that move bytes, straight to the kernel of Linux. `library.cppm` beside this file is for all others.

module;

#include <cstddef>
#include <cstdint>

export module mio.sys.calls;

import mio.core.handle;
import mio.sys.system_call;

namespace mio::sys {

/// What a call that moves bytes answers: how many, or an error's code in `os_category()`, negative.
export using Moved = std::ptrdiff_t;

// For whoever is compiled with a sanitizer.
Moved receive_by_library(RawHandle, std::byte* buffer, std::size_t size) noexcept;
Moved send_by_library(RawHandle, const std::byte* bytes, std::size_t size) noexcept;

/// Receives from a socket, without flags. @see recv(2)
export inline Moved receive(RawHandle handle, std::byte* buffer, std::size_t size) noexcept {
    if constexpr (!is_direct) return receive_by_library(handle, buffer, size);
    return system_call(number_of_recvfrom, handle, reinterpret_cast<std::intptr_t>(buffer),
                       static_cast<long>(size), 0, 0, 0);
}

/// Sends to a socket, without SIGPIPE. @see send(2)
export inline Moved send(RawHandle handle, const std::byte* bytes, std::size_t size) noexcept {
    constexpr long no_signal = 0x4000; // MSG_NOSIGNAL
    if constexpr (!is_direct) return send_by_library(handle, bytes, size);
    return system_call(number_of_sendto, handle, reinterpret_cast<std::intptr_t>(bytes),
                       static_cast<long>(size), no_signal, 0, 0);
}

} // namespace mio::sys
