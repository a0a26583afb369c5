// Systems without an error queue and zero-copy datagrams.

module;

#include <cstddef>
#include <expected>
#include <span>
#include <system_error>

module mio.net.udp;

import mio.core.error;

namespace mio::net {
namespace {

std::unexpected<std::error_code> unsupported() noexcept {
    return std::unexpected(make_error_code(Errc::unsupported));
}

} // namespace

Result<> UdpSocket::set_receive_errors(bool) const noexcept { return unsupported(); }
Result<bool> UdpSocket::receive_errors() const noexcept { return unsupported(); }
Result<DatagramError> UdpSocket::receive_error(std::span<std::byte>) const noexcept { return unsupported(); }
Result<> UdpSocket::set_zero_copy(bool) const noexcept { return unsupported(); }
Result<bool> UdpSocket::zero_copy() const noexcept { return unsupported(); }
Result<std::size_t> UdpSocket::send_many_zero_copy(std::span<const OutgoingDatagram>) const noexcept {
    return unsupported();
}

} // namespace mio::net
