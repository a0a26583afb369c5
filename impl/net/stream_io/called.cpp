module;

#include <cstddef>
#include <span>

module mio.net.stream_io;

import mio.core.error;
import mio.core.handle;
import mio.net.sockio;

namespace mio::net {

Result<std::size_t> receive_bytes(RawHandle handle, std::span<std::byte> buffer) noexcept {
    return receive(handle, buffer);
}

Result<std::size_t> send_bytes(RawHandle handle, std::span<const std::byte> bytes) noexcept {
    return send(handle, bytes);
}

} // namespace mio::net
