// Systems without an error queue and zero-copy datagrams.

module;

module mio.net.udp;

import mio.core.error;
import mio.std;

namespace mio::net {

Result<> UdpSocket::set_receive_errors(bool) const noexcept { return std::unexpected(Errc::unsupported); }
Result<bool> UdpSocket::receive_errors() const noexcept { return std::unexpected(Errc::unsupported); }
Result<DatagramError> UdpSocket::receive_error(std::span<std::byte>) const noexcept {
    return std::unexpected(Errc::unsupported);
}
Result<> UdpSocket::set_zero_copy(bool) const noexcept { return std::unexpected(Errc::unsupported); }
Result<bool> UdpSocket::zero_copy() const noexcept { return std::unexpected(Errc::unsupported); }
Result<std::size_t> UdpSocket::send_many_zero_copy(std::span<const OutgoingDatagram>) const noexcept {
    return std::unexpected(Errc::unsupported);
}

} // namespace mio::net
