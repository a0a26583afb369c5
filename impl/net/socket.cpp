module;

#include "sockets.hpp"

module mio.net.socket;

import mio.core.error;
import mio.core.source;
import mio.core.types;
import mio.net.sockaddr;
import mio.net.sockio;
import mio.std;
import mio.sys.calls;

namespace mio::net {

Result<std::error_code> SocketBase::take_error() const noexcept {
    const auto error = get_option<int>(raw(), SOL_SOCKET, SO_ERROR);
    if (!error) return std::unexpected(error.error());
    if (*error == 0) return std::error_code();
    const std::error_code taken(*error, os_category());
    // As if an operation had failed with it, so that a backend that reported this error can report the next one.
    static_cast<void>(try_io(Interest::readable, [taken]() -> Result<> { return std::unexpected(taken); }));
    return taken;
}

Result<> SocketBase::set_receive_buffer(std::size_t bytes) const noexcept {
    return set_buffer_size(raw(), SO_RCVBUF, bytes);
}
Result<std::size_t> SocketBase::receive_buffer() const noexcept {
    return get_count(raw(), SOL_SOCKET, SO_RCVBUF);
}
Result<> SocketBase::set_send_buffer(std::size_t bytes) const noexcept {
    return set_buffer_size(raw(), SO_SNDBUF, bytes);
}
Result<std::size_t> SocketBase::send_buffer() const noexcept {
    return get_count(raw(), SOL_SOCKET, SO_SNDBUF);
}

Result<std::size_t> SocketBase::option(int level, int name, std::span<std::byte> value) const noexcept {
    return get_option_bytes(raw(), level, name, value);
}
Result<> SocketBase::set_option(int level, int name, std::span<const std::byte> value) const noexcept {
    return set_option_bytes(raw(), level, name, value);
}
Result<> SocketBase::set_option(int level, int name, std::string_view value) const noexcept {
    return set_option_bytes(raw(), level, name, std::as_bytes(std::span(value)));
}

void SocketBase::report_again() const noexcept {
    // A failure first: an unconnected socket may have reported a hang-up or an error, which a backend would otherwise
    // wait to end.
    constexpr auto both = Interest::readable | Interest::writable;
    const auto failed = []() -> Result<> { return std::unexpected(os_error(std::errc::not_connected)); };
    static_cast<void>(try_io(both, failed));
    exhausted(both);
}

Result<bool> SocketBase::connection_state() const noexcept {
    const auto pending = take_error();
    if (!pending) return std::unexpected(pending.error());
    if (*pending) return std::unexpected(*pending);
    const auto peer = peer_name_of(raw());
    if (peer) return true;
    // Not connected: still connecting, or failed with the error already cleared.
    if (peer.error() == std::errc::not_connected && !connect_has_ended(raw())) {
        exhausted(Interest::writable);
        return false;
    }
    if (peer_name_of(raw())) return true; // it succeeded between the two calls
    return std::unexpected(peer.error());
}

std::error_code SocketBase::failed(Interest direction, sys::Count code) const noexcept {
    const auto operation = [code]() -> Result<> {
        return std::unexpected(std::error_code(static_cast<int>(-code), os_category()));
    };
    return try_io(direction, operation).error();
}

std::error_code SocketBase::sent_less(sys::Count moved) const noexcept {
    if (moved < 0) return failed(Interest::writable, moved);
    exhausted(Interest::writable);
    return {};
}

} // namespace mio::net
