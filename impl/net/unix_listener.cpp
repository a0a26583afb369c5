module;

#include "sockets.hpp"

#include <climits>

module mio.net.local;

import mio.core.error;
import mio.core.handle;
import mio.core.types;
import mio.net.sockaddr;
import mio.net.sockio;
import mio.os.open;
import mio.std;

namespace mio::net {

Result<UnixListener> UnixListener::bind(const UnixAddress& address) {
    constexpr int longest = INT_MAX; // not -1, which NetBSD treats as 0
    return bind(address, longest);
}

Result<UnixListener> UnixListener::bind(const UnixAddress& address, int backlog) {
    auto socket = UnixSocket::create();
    if (!socket) return std::unexpected(socket.error());
    if (auto bound = socket->bind(address); !bound) return std::unexpected(bound.error());
    auto listener = std::move(*socket).listen(backlog);
    // Nothing else would remove the file, and the path could not be bound again.
    if (!listener && address.path()) static_cast<void>(remove_socket_file(*address.path()));
    return listener;
}

Result<UnixListener> UnixListener::bind(std::string_view path) {
    const auto address = UnixAddress::from_path(path);
    if (!address) return std::unexpected(address.error());
    return bind(*address);
}

Result<UnixListener> UnixListener::bind(std::string_view path, int backlog) {
    const auto address = UnixAddress::from_path(path);
    if (!address) return std::unexpected(address.error());
    return bind(*address, backlog);
}

Result<std::pair<UnixStream, UnixAddress>> UnixListener::accept() const noexcept {
    return try_io(Interest::readable, [this]() -> Result<std::pair<UnixStream, UnixAddress>> {
        OsAddress peer;
        auto handle = os::accept_socket(raw(), peer.get(), &peer.length);
        if (!handle) return std::unexpected(handle.error());
        return std::pair(UnixStream::from_raw(handle->take()), unix_from_os(peer));
    });
}

Result<UnixAddress> UnixListener::local_address() const noexcept { return unix_local_address_of(raw()); }

} // namespace mio::net
