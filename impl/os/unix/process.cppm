/// @file
/// Descriptors that report signals and the end of processes. `process/` has a variant with signalfd and pidfd, and
/// one with kqueue. Internal.

module;

#include <sys/types.h>

#include <csignal>

export module mio.os.process;

import mio.core.error;
import mio.core.handle;
import mio.core.process;
import mio.std;

namespace mio::os {

/// Whether a child of fork(2) inherits the descriptors below.
export extern const bool are_inherited;

/// A descriptor that is readable while a signal of `set`, which the calling thread blocks, is pending.
/// @see signalfd(2), kqueue(2)
export [[nodiscard]] Result<OwnedHandle> open_signals(const ::sigset_t& set) noexcept;

/// Takes one of the pending signals. Errors: would-block.
export [[nodiscard]] Result<SignalInfo> take_signal(RawHandle signals) noexcept;

/// A descriptor that is readable once the process has ended. @see pidfd_open(2), kqueue(2)
export [[nodiscard]] Result<OwnedHandle> open_process(::pid_t process) noexcept;

/// Whether the handle is one that the next two functions accept without a process ID. Errors: `Errc::unsupported`
/// if no handle is; the OS's own.
export [[nodiscard]] Result<> check_process(RawHandle handle) noexcept;

/// The status of a child that has ended, which becomes free; `nullopt` while it runs.
export [[nodiscard]] Result<std::optional<ExitStatus>> fetch_status(RawHandle handle,
                                                                    ::pid_t process) noexcept;

/// The child's status has not been fetched.
export [[nodiscard]] Result<> send_signal(RawHandle handle, ::pid_t process, int number) noexcept;

} // namespace mio::os
