/// @file
/// Segmentation and receive offload (GSO, GRO). Internal.

module;

#include <cstdint>

export module mio.net.offload;

import mio.core.error;
import mio.core.handle;

namespace mio::net {

/// Like `UdpSocket`'s functions of the same names.
export Result<> set_segment_size(RawHandle, std::uint16_t bytes) noexcept;
export Result<std::uint16_t> segment_size(RawHandle) noexcept;
export Result<> set_receive_offload(RawHandle, bool on) noexcept;
export Result<bool> receive_offload(RawHandle) noexcept;

} // namespace mio::net
