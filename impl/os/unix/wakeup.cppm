/// @file
/// A descriptor that one thread makes readable to end another one's wait. For bodies only.

export module mio.os.wakeup;

import mio.core.error;
import mio.core.handle;

namespace mio::os {

/// `receiver` is the descriptor to wait for; `sender` makes it readable, and is none where the receiver itself
/// can be written to. Both are non-blocking and close-on-exec.
export struct Wakeup {
    OwnedHandle receiver;
    OwnedHandle sender;
};
export [[nodiscard]] Result<Wakeup> open_wakeup() noexcept;

/// Makes the receiver readable, with an edge each time, also if nobody ever drains it. Never blocks; a signal
/// handler may call it.
export [[nodiscard]] Result<> signal(const OwnedHandle& receiver, const OwnedHandle& sender) noexcept;

/// Makes the receiver unreadable.
export void drain(const OwnedHandle& receiver) noexcept;

} // namespace mio::os
