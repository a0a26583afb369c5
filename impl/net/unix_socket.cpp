module;

#include "sockets.hpp"

module mio.net.local;

import mio.core.error;
import mio.core.handle;
import mio.core.types;
import mio.net.sockaddr;
import mio.net.socket;
import mio.net.sockio;
import mio.os;
import mio.os.open;
import mio.std;

namespace mio::net {

Result<UnixSocket> UnixSocket::create() {
    auto handle = os::open_socket(AF_UNIX, SOCK_STREAM);
    if (!handle) return std::unexpected(handle.error());
    return UnixSocket(handle->take());
}

Result<> UnixSocket::bind(const UnixAddress& address) const noexcept {
    const OsAddress native = to_os(address);
    return os::check(::bind(raw(), native.get(), native.length));
}

Result<> UnixSocket::bind(std::string_view path) const noexcept {
    const auto address = UnixAddress::from_path(path);
    if (!address) return std::unexpected(address.error());
    return bind(*address);
}

Result<UnixAddress> UnixSocket::local_address() const noexcept { return unix_local_address_of(raw()); }

Result<UnixListener> UnixSocket::listen(int backlog) && {
    if (auto listening = os::check(::listen(raw(), std::max(backlog, 0))); !listening)
        return std::unexpected(listening.error());
    report_again();
    return UnixListener(std::move(*this));
}

Result<UnixStream> UnixSocket::connect(const UnixAddress& peer) && {
    const OsAddress native = to_os(peer);
    constexpr auto both = Interest::readable | Interest::writable;
    if (auto started = try_io(both, [&] { return start_connect(raw(), native); }); !started)
        return std::unexpected(started.error());
    report_again();
    return UnixStream(std::move(*this));
}

Result<UnixStream> UnixSocket::connect(std::string_view path) && {
    const auto address = UnixAddress::from_path(path);
    if (!address) return std::unexpected(address.error());
    return std::move(*this).connect(*address);
}

} // namespace mio::net
