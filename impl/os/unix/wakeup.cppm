/// @file
/// A descriptor that one thread makes readable to end another thread's wait. Internal.

export module mio.os.wakeup;

import mio.core.error;
import mio.core.handle;

namespace mio::os {

/// `receiver` is the descriptor to wait for; `sender` makes it readable, and is invalid if the receiver itself is
/// writable. Both are non-blocking and close-on-exec.
export struct Wakeup {
    OwnedHandle receiver;
    OwnedHandle sender;
};
export [[nodiscard]] Result<Wakeup> open_wakeup() noexcept;

/// Makes the receiver readable, with a new edge on each call, even if it is never drained. Never blocks;
/// async-signal-safe.
export [[nodiscard]] Result<> signal(const OwnedHandle& receiver, const OwnedHandle& sender) noexcept;

/// Makes the receiver unreadable.
export void drain(const OwnedHandle& receiver) noexcept;

} // namespace mio::os
