module;

#include "sockets.hpp"

module mio.net.local;

import mio.core.error;
import mio.net.sockaddr;
import mio.net.socket;
import mio.std;

namespace mio::net {
namespace {

constexpr std::size_t room = sizeof(::sockaddr_un::sun_path);
static_assert(room <= UnixAddress::max_size);

} // namespace

Result<UnixAddress> UnixAddress::from_path(std::string_view path) noexcept {
    if (path.empty()) return std::unexpected(make_error_code(Errc::invalid_address));
    if (path.contains('\0')) return std::unexpected(make_error_code(Errc::interior_nul));
    if (path.size() >= room)
        return std::unexpected(make_error_code(Errc::path_too_long)); // it must be NUL-terminated
    return UnixAddress(Kind::path, path);
}

Result<UnixAddress> UnixAddress::from_raw(const RawAddress& address) noexcept {
    if (!address.is_empty() && address.family() != AF_UNIX)
        return std::unexpected(make_error_code(Errc::invalid_address));
    return unix_from_os(to_os(address));
}

UnixAddress::operator RawAddress() const noexcept { return raw_from_os(to_os(*this)); }

std::string UnixAddress::to_string() const {
    if (kind_ == Kind::unnamed) return "(unnamed)";
    std::string result = kind_ == Kind::abstract_name ? "@" : "";
    for (const char c : text()) {
        if (const auto byte = static_cast<unsigned char>(c); byte < 0x20 || byte == 0x7f) {
            constexpr std::string_view digits = "0123456789abcdef";
            result += {'\\', 'x', digits[byte >> 4], digits[byte & 0xf]};
        } else {
            result += c;
        }
    }
    return result;
}

} // namespace mio::net
