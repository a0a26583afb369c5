/// @file
/// Distinguishes a process from its children created by fork(2). Internal.

export module mio.os.fork;

import mio.std;
import mio.core.error;

namespace mio::os {

/// Makes `fork_generation` change in children created from now on. Errors: the OS's own, if memory is exhausted.
///
/// The call takes no lock: another thread could hold it during fork(2), and the child would deadlock.
/// @see pthread_atfork(3)
export [[nodiscard]] Result<> count_forks() noexcept;

/// Number that a child of fork(2) does not share with its parent. Makes no system call. Unchanged by vfork(2), `_Fork`
/// and clone(2), which run no handlers.
export [[nodiscard]] std::uint16_t fork_generation() noexcept;

} // namespace mio::os
