module;

#include <netinet/in.h>
#include <netinet/udp.h>

#include <cstdint>
#include <expected>
#include <system_error>

module mio.net.offload;

import mio.core.error;
import mio.core.handle;
import mio.net.sockaddr;

namespace mio::net {

Result<> set_segment_size(RawHandle handle, std::uint16_t bytes) noexcept {
    return set_count(handle, IPPROTO_UDP, UDP_SEGMENT, bytes);
}
Result<std::uint16_t> segment_size(RawHandle handle) noexcept {
    const auto size = get_count(handle, IPPROTO_UDP, UDP_SEGMENT);
    if (!size) return std::unexpected(size.error());
    return static_cast<std::uint16_t>(*size);
}
Result<> set_receive_offload(RawHandle handle, bool on) noexcept {
    return set_flag(handle, IPPROTO_UDP, UDP_GRO, on);
}
Result<bool> receive_offload(RawHandle handle) noexcept { return get_flag(handle, IPPROTO_UDP, UDP_GRO); }

} // namespace mio::net
