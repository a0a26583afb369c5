/// @file
/// Creation of sockets: all are non-blocking and not inherited by child processes. Internal.

module;

#include <winsock2.h>
#include <ws2tcpip.h>

export module mio.os.open;

import mio.core.error;
import mio.core.handle;
import mio.std;

namespace mio::os {

/// Errors: `Errc::unsupported` for Unix domain sockets where Windows has none, and for Unix datagram sockets; the
/// OS's own.
/// @see WSASocket
export [[nodiscard]] Result<OwnedHandle> open_socket(int family, int type, int protocol = 0) noexcept;

/// Winsock has no equivalent: `Errc::unsupported`.
export [[nodiscard]] Result<std::pair<OwnedHandle, OwnedHandle>> open_socket_pair(int family, int type,
                                                                                  int protocol = 0) noexcept;

/// @see accept
export [[nodiscard]] Result<OwnedHandle> accept_socket(RawHandle listener, ::sockaddr* peer,
                                                       ::socklen_t* length) noexcept;

/// Whether ICMP unreachable messages make later calls on this datagram socket fail: off for a new one. On systems
/// without the option they do.
/// @see SIO_UDP_CONNRESET, SIO_UDP_NETRESET
export void report_refusals(RawHandle, bool on) noexcept;

} // namespace mio::os
