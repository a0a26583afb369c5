module;

#include "sockets.hpp"

module mio.net.socket;

import mio.core.error;
import mio.core.handle;
import mio.core.types;
import mio.net.address;
import mio.net.sockaddr;
import mio.net.sockio;
import mio.os;
import mio.os.open;
import mio.std;

namespace mio::net {

RawAddress::RawAddress(const SocketAddress& address) noexcept : RawAddress(raw_from_os(to_os(address))) {}

Result<RawAddress> RawAddress::from_bytes(std::span<const std::byte> bytes) noexcept {
    if (bytes.size() > max_size) return std::unexpected(make_error_code(Errc::invalid_address));
    RawAddress address;
    std::ranges::copy(bytes, address.bytes_.begin());
    address.size_ = static_cast<std::uint8_t>(bytes.size());
    return address;
}

int RawAddress::family() const noexcept { return as<::sockaddr>().sa_family; }

Result<SocketAddress> RawAddress::to_ip() const noexcept { return from_os(to_os(*this)); }

Result<Socket> Socket::open(int domain, int type, int protocol) {
    auto handle = os::open_socket(domain, type, protocol);
    if (!handle) return std::unexpected(handle.error());
    return Socket(handle->take());
}

Result<std::pair<Socket, Socket>> Socket::pair(int domain, int type, int protocol) {
    auto handles = os::open_socket_pair(domain, type, protocol);
    if (!handles) return std::unexpected(handles.error());
    return std::pair(Socket(handles->first.take()), Socket(handles->second.take()));
}

Result<> Socket::bind(const RawAddress& address) const noexcept {
    const OsAddress native = to_os(address);
    return os::check(::bind(raw(), native.get(), native.length));
}

Result<> Socket::listen(int backlog) const noexcept {
    auto listening = os::check(::listen(raw(), std::max(backlog, 0)));
    if (listening) report_again();
    return listening;
}

Result<std::pair<Socket, RawAddress>> Socket::accept() const noexcept {
    return try_io(Interest::readable, [this]() -> Result<std::pair<Socket, RawAddress>> {
        OsAddress peer;
        auto handle = os::accept_socket(raw(), peer.get(), &peer.length);
        if (!handle) return std::unexpected(handle.error());
        return std::pair(Socket(handle->take()), raw_from_os(peer));
    });
}

Result<> Socket::connect(const RawAddress& peer) const noexcept {
    const OsAddress native = to_os(peer);
    constexpr auto both = Interest::readable | Interest::writable;
    auto started = try_io(both, [&] { return connect_any(raw(), native); });
    if (started) report_again();
    return started;
}

Result<bool> Socket::finish_connect() const noexcept { return connection_state(); }

Result<std::size_t> Socket::read_vectored(std::span<const IoSliceMut> buffers) const noexcept {
    return try_io(Interest::readable, [&] { return receive_vectored(raw(), buffers); });
}

Result<std::size_t> Socket::peek(std::span<std::byte> buffer) const noexcept {
    return try_io(Interest::readable, [&] { return receive_any(raw(), buffer, MSG_PEEK); });
}

Result<std::size_t> Socket::write_vectored(std::span<const IoSlice> buffers) const noexcept {
    const auto written = try_io(Interest::writable, [&] { return send_vectored(raw(), buffers); });
    if (written && *written < size_of(buffers)) exhausted(Interest::writable);
    return written;
}

Result<std::size_t> Socket::send_to(std::span<const std::byte> bytes, const RawAddress& peer) const noexcept {
    const auto sent = try_io(Interest::writable, [&] { return net::send_to(raw(), bytes, to_os(peer)); });
    if (sent && *sent < bytes.size()) exhausted(Interest::writable); // of a stream
    return sent;
}

namespace {

Result<std::pair<std::size_t, RawAddress>> receive_with_sender(RawHandle handle, std::span<std::byte> buffer,
                                                               int flags) noexcept {
    OsAddress sender;
    sender.storage.ss_family = AF_UNSPEC; // kept if the sender has no address
    const auto count = net::receive_from(handle, buffer, flags, sender);
    if (!count) return std::unexpected(count.error());
    if (sender.storage.ss_family == AF_UNSPEC) return std::pair(*count, RawAddress());
    return std::pair(*count, raw_from_os(sender));
}

} // namespace

Result<std::pair<std::size_t, RawAddress>> Socket::receive_from(std::span<std::byte> buffer) const noexcept {
    return try_io(Interest::readable, [&] { return receive_with_sender(raw(), buffer, 0); });
}

Result<std::pair<std::size_t, RawAddress>> Socket::peek_from(std::span<std::byte> buffer) const noexcept {
    return try_io(Interest::readable, [&] { return receive_with_sender(raw(), buffer, MSG_PEEK); });
}

Result<> Socket::shutdown(Shutdown how) const noexcept { return shut_down(raw(), how); }

Result<RawAddress> Socket::local_address() const noexcept {
    const auto address = local_name_of(raw());
    if (!address) return std::unexpected(address.error());
    return raw_from_os(*address);
}

Result<RawAddress> Socket::peer_address() const noexcept {
    const auto address = peer_name_of(raw());
    if (!address) return std::unexpected(address.error());
    return raw_from_os(*address);
}

} // namespace mio::net
