// Abstract names, a Linux extension.

module;

module mio.net.local;

import mio.core.error;
import mio.std;

namespace mio::net {

Result<UnixAddress> UnixAddress::from_abstract(std::string_view name) noexcept {
    // one byte is the leading NUL
    if (name.size() >= max_size) return std::unexpected(make_error_code(Errc::path_too_long));
    return UnixAddress(Kind::abstract_name, name);
}

UnixAddress UnixAddress::from_kernel(std::string_view sun_path) noexcept {
    if (sun_path.empty()) return unnamed();
    if (sun_path.front() == '\0') return UnixAddress(Kind::abstract_name, sun_path.substr(1));
    if (const auto end = sun_path.find('\0'); end != std::string_view::npos)
        sun_path = sun_path.substr(0, end);
    return UnixAddress(Kind::path, sun_path);
}

} // namespace mio::net
