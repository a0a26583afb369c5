// For systems without segmentation offload for programs.

module;

#include <cstdint>
#include <expected>
#include <system_error>

module mio.net.offload;

import mio.core.error;
import mio.core.handle;

namespace mio::net {
namespace {

std::unexpected<std::error_code> unsupported() noexcept {
    return std::unexpected(make_error_code(Errc::unsupported));
}

} // namespace

Result<> set_segment_size(RawHandle, std::uint16_t) noexcept { return unsupported(); }
Result<std::uint16_t> segment_size(RawHandle) noexcept { return unsupported(); }
Result<> set_receive_offload(RawHandle, bool) noexcept { return unsupported(); }
Result<bool> receive_offload(RawHandle) noexcept { return unsupported(); }

} // namespace mio::net
