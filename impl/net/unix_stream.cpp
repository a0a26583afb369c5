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

Result<UnixStream> UnixStream::connect(const UnixAddress& peer) {
    auto socket = UnixSocket::create();
    if (!socket) return std::unexpected(socket.error());
    return std::move(*socket).connect(peer);
}

Result<UnixStream> UnixStream::connect(std::string_view path) {
    const auto address = UnixAddress::from_path(path);
    if (!address) return std::unexpected(address.error());
    return connect(*address);
}

Result<std::pair<UnixStream, UnixStream>> UnixStream::pair() {
    auto handles = os::open_socket_pair(AF_UNIX, SOCK_STREAM);
    if (!handles) return std::unexpected(handles.error());
    return std::pair(UnixStream(handles->first.take()), UnixStream(handles->second.take()));
}

Result<std::size_t> UnixStream::read_vectored(std::span<const IoSliceMut> buffers) const noexcept {
    return try_io(Interest::readable, [&] { return receive_vectored(raw(), buffers); });
}

Result<std::size_t> UnixStream::peek(std::span<std::byte> buffer) const noexcept {
    return try_io(Interest::readable, [&] { return net::receive(raw(), buffer, MSG_PEEK); });
}

Result<std::size_t> UnixStream::write_vectored(std::span<const IoSlice> buffers) const noexcept {
    const auto written = try_io(Interest::writable, [&] { return send_vectored(raw(), buffers); });
    if (written && *written < size_of(buffers)) exhausted(Interest::writable);
    return written;
}

Result<> UnixStream::shutdown(Shutdown how) const noexcept { return shut_down(raw(), how); }

Result<std::size_t> UnixStream::send_with_fds(std::span<const std::byte> bytes,
                                              std::span<const RawHandle> fds) const noexcept {
    // On a stream, descriptors are sent with at least one byte; without it they would be dropped silently.
    if (bytes.empty() && !fds.empty()) return std::unexpected(os_error(std::errc::invalid_argument));
    const auto sent = try_io(Interest::writable, [&] { return send_fds(raw(), bytes, fds); });
    if (sent && *sent < bytes.size()) exhausted(Interest::writable);
    return sent;
}

Result<ReceivedWithFds> UnixStream::receive_with_fds(std::span<std::byte> buffer,
                                                     std::span<OwnedHandle> fds) const noexcept {
    return try_io(Interest::readable, [&] { return receive_fds(raw(), buffer, fds); });
}

Result<UnixAddress> UnixStream::peer_address() const noexcept { return unix_peer_address_of(raw()); }
Result<UnixAddress> UnixStream::local_address() const noexcept { return unix_local_address_of(raw()); }

} // namespace mio::net
