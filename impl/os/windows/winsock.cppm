/// @file
/// Winsock has to be started before its first use. For bodies only.

export module mio.os.winsock;

import mio.core.error;

namespace mio::os {

/// Starts Winsock, once in a process however often it is called: before whatever makes a socket or asks about names.
/// Errors: the OS's own, the same for each call.
/// @see WSAStartup
export [[nodiscard]] Result<> start_winsock() noexcept;

} // namespace mio::os
