/// @file
/// Where sockets come from: all of them non-blocking, and not inherited by the programs that this one starts. For bodies only.

module;

#include <winsock2.h>
#include <ws2tcpip.h>

#include <utility>

export module mio.os.open;

import mio.core.error;
import mio.core.handle;

namespace mio::os {

/// Errors: `Errc::unsupported` for Unix domain sockets where Windows has none, and for those of datagrams; the OS's own.
/// @see WSASocket
export [[nodiscard]] Result<OwnedHandle> open_socket(int family, int type) noexcept;

/// Winsock has no such thing: `Errc::unsupported`.
export [[nodiscard]] Result<std::pair<OwnedHandle, OwnedHandle>> open_socket_pair(int type) noexcept;

/// @see accept
export [[nodiscard]] Result<OwnedHandle> accept_socket(RawHandle listener, ::sockaddr* peer,
                                                       ::socklen_t* length) noexcept;

/// Whether an ICMP message that a datagram found nobody, or did not get there, surfaces as the error of a later call on this
/// datagram socket: off for a new one. Where that cannot be chosen it does.
/// @see SIO_UDP_CONNRESET, SIO_UDP_NETRESET
export void report_refusals(RawHandle, bool on) noexcept;

} // namespace mio::os
