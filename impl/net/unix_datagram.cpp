module;

#include "sockets.hpp"

module mio.net.local;

import mio.core.error;
import mio.core.handle;
import mio.core.types;
import mio.net.fd_passing;
import mio.net.sockaddr;
import mio.net.socket;
import mio.net.sockio;
import mio.os;
import mio.os.open;
import mio.std;

namespace mio::net {
namespace {

Result<std::pair<std::size_t, UnixAddress>> receive_with_sender(RawHandle handle, std::span<std::byte> buffer,
                                                                int flags) noexcept {
    OsAddress sender;
    const auto count = net::receive_from(handle, buffer, flags, sender);
    if (!count) return std::unexpected(count.error());
    return std::pair(*count, unix_from_os(sender));
}

} // namespace

Result<UnixDatagram> UnixDatagram::unbound() {
    auto handle = os::open_socket(AF_UNIX, SOCK_DGRAM);
    if (!handle) return std::unexpected(handle.error());
    return UnixDatagram(handle->take());
}

Result<UnixDatagram> UnixDatagram::bind(const UnixAddress& address) {
    auto socket = unbound();
    if (!socket) return socket;
    const OsAddress native = to_os(address);
    if (::bind(socket->raw(), native.get(), native.length) == -1) return std::unexpected(os::last_error());
    return socket;
}

Result<UnixDatagram> UnixDatagram::bind(std::string_view path) {
    const auto address = UnixAddress::from_path(path);
    if (!address) return std::unexpected(address.error());
    return bind(*address);
}

Result<std::pair<UnixDatagram, UnixDatagram>> UnixDatagram::pair() {
    auto handles = os::open_socket_pair(AF_UNIX, SOCK_DGRAM);
    if (!handles) return std::unexpected(handles.error());
    return std::pair(UnixDatagram(handles->first.take()), UnixDatagram(handles->second.take()));
}

Result<> UnixDatagram::connect(const UnixAddress& peer) const noexcept {
    const OsAddress native = to_os(peer);
    return try_io(Interest::writable,
                  [&] { return os::check(::connect(raw(), native.get(), native.length)); });
}

Result<> UnixDatagram::connect(std::string_view path) const noexcept {
    const auto address = UnixAddress::from_path(path);
    if (!address) return std::unexpected(address.error());
    return connect(*address);
}

Result<std::size_t> UnixDatagram::send_to(std::span<const std::byte> bytes,
                                          const UnixAddress& peer) const noexcept {
    return try_io(Interest::writable, [&] { return net::send_to(raw(), bytes, to_os(peer)); });
}

Result<std::size_t> UnixDatagram::send_to(std::span<const std::byte> bytes,
                                          std::string_view path) const noexcept {
    const auto address = UnixAddress::from_path(path);
    if (!address) return std::unexpected(address.error());
    return send_to(bytes, *address);
}

Result<std::pair<std::size_t, UnixAddress>>
UnixDatagram::receive_from(std::span<std::byte> buffer) const noexcept {
    return try_io(Interest::readable, [&] { return receive_with_sender(raw(), buffer, 0); });
}

Result<std::pair<std::size_t, UnixAddress>>
UnixDatagram::peek_from(std::span<std::byte> buffer) const noexcept {
    return try_io(Interest::readable, [&] { return receive_with_sender(raw(), buffer, MSG_PEEK); });
}

Result<std::size_t> UnixDatagram::peek(std::span<std::byte> buffer) const noexcept {
    return try_io(Interest::readable, [&] { return net::receive(raw(), buffer, MSG_PEEK); });
}

Result<std::size_t> UnixDatagram::send_with_fds(std::span<const std::byte> bytes,
                                                std::span<const RawHandle> fds) const noexcept {
    return try_io(Interest::writable, [&] { return send_fds(raw(), bytes, fds); });
}

Result<ReceivedWithFds> UnixDatagram::receive_with_fds(std::span<std::byte> buffer,
                                                       std::span<OwnedHandle> fds) const noexcept {
    return try_io(Interest::readable, [&] { return receive_fds(raw(), buffer, fds); });
}

Result<> UnixDatagram::shutdown(Shutdown how) const noexcept { return shut_down(raw(), how); }
Result<UnixAddress> UnixDatagram::peer_address() const noexcept { return unix_peer_address_of(raw()); }
Result<UnixAddress> UnixDatagram::local_address() const noexcept { return unix_local_address_of(raw()); }

} // namespace mio::net
