/// @file
/// Descriptor passing, which is unsupported on Windows. Internal.

module;

export module mio.net.fd_passing;

import mio.core.error;
import mio.core.handle;
import mio.net.local;
import mio.std;

namespace mio::net {

export inline Result<std::size_t> send_fds(RawHandle, std::span<const std::byte>,
                                           std::span<const RawHandle>) noexcept {
    return std::unexpected(make_error_code(Errc::unsupported));
}

export inline Result<ReceivedWithFds> receive_fds(RawHandle, std::span<std::byte>,
                                                  std::span<OwnedHandle>) noexcept {
    return std::unexpected(make_error_code(Errc::unsupported));
}

} // namespace mio::net
