/// @file
/// Initialization of Winsock. Internal.

export module mio.os.winsock;

import mio.core.error;

namespace mio::os {

/// Starts Winsock once per process, before the first socket or name lookup. Errors: the OS's own, the same for each
/// call.
/// @see WSAStartup
export [[nodiscard]] Result<> start_winsock() noexcept;

} // namespace mio::os
