// For systems without abstract names.

module;

module mio.net.local;

import mio.core.error;
import mio.std;

namespace mio::net {

Result<UnixAddress> UnixAddress::from_abstract(std::string_view) noexcept {
    return std::unexpected(make_error_code(Errc::unsupported));
}

UnixAddress UnixAddress::from_kernel(std::string_view sun_path) noexcept {
    // On some of these systems an unnamed socket has an address of 14 or 16 zero bytes.
    const auto path = sun_path.substr(0, sun_path.find('\0'));
    if (path.empty()) return unnamed();
    return UnixAddress(Kind::path, path);
}

} // namespace mio::net
