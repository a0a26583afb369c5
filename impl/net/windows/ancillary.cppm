/// @file
/// Control messages of datagrams: properties that Winsock reports. Internal.

module;

#include <winsock2.h>
#include <ws2tcpip.h>

export module mio.net.ancillary;

import mio.core.error;
import mio.core.handle;
import mio.net.udp;
import mio.std;

namespace mio::net {

/// Whether `datagram` has a property that must be sent with it.
export inline bool has_properties(const OutgoingDatagram& datagram) noexcept {
    return datagram.source || datagram.interface_index != 0 || datagram.ttl || datagram.tos
           || datagram.segment_size != 0;
}

/// Receives one datagram into `datagram`, with the requested properties. Errors: as `receive_one`.
/// @see WSARecvMsg
export Result<> receive_with_properties(RawHandle, IncomingDatagram& datagram) noexcept;

/// As the members of `UdpSocket` with the same names.
export Result<> set_receive_info(RawHandle, DatagramInfo info) noexcept;
export Result<DatagramInfo> receive_info(RawHandle) noexcept;
export Result<DatagramInfo> supported_info(RawHandle) noexcept;

} // namespace mio::net
