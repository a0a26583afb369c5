/// @file
/// Properties of single datagrams, which are unsupported on Windows. Internal.
///
/// WSARecvMsg reports some of them, but only there; `recvfrom`, which `receive_many` uses, does not.

module;

#include <expected>
#include <system_error>

export module mio.net.ancillary;

import mio.core.error;
import mio.core.handle;
import mio.net.udp;

namespace mio::net {

/// Whether `datagram` has a property that must be sent with it.
export inline bool has_properties(const OutgoingDatagram& datagram) noexcept {
    return datagram.source || datagram.interface_index != 0 || datagram.ttl || datagram.tos
           || datagram.segment_size != 0;
}

/// Resets the properties that are never reported.
export inline void reset_properties(IncomingDatagram& datagram) noexcept {
    datagram.segment_size = 0;
    datagram.info_truncated = false;
    datagram.ttl.reset();
    datagram.tos.reset();
    datagram.dropped = 0;
    datagram.interface_index.reset();
    datagram.local_ip.reset();
    datagram.received_at.reset();
}

/// As the members of `UdpSocket` with the same names.
export inline Result<> set_receive_info(RawHandle, DatagramInfo info) noexcept {
    if (info != DatagramInfo::none) return std::unexpected(make_error_code(Errc::unsupported));
    return {};
}
export inline Result<DatagramInfo> receive_info(RawHandle) noexcept { return DatagramInfo::none; }
export inline Result<DatagramInfo> supported_info(RawHandle) noexcept { return DatagramInfo::none; }

} // namespace mio::net
