/// @file
/// Segmentation and receive offload of UDP, which is unsupported on Windows. Internal.

module;

#include <cstdint>
#include <expected>
#include <system_error>

export module mio.net.offload;

import mio.core.error;
import mio.core.handle;

namespace mio::net {

/// As the members of `UdpSocket` with the same names.
export inline Result<> set_segment_size(RawHandle, std::uint16_t) noexcept {
    return std::unexpected(make_error_code(Errc::unsupported));
}
export inline Result<std::uint16_t> segment_size(RawHandle) noexcept {
    return std::unexpected(make_error_code(Errc::unsupported));
}
export inline Result<> set_receive_offload(RawHandle, bool) noexcept {
    return std::unexpected(make_error_code(Errc::unsupported));
}
export inline Result<bool> receive_offload(RawHandle) noexcept {
    return std::unexpected(make_error_code(Errc::unsupported));
}

} // namespace mio::net
