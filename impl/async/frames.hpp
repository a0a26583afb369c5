// Cleanup of a thread's free lists. Include it in the purview of mio.async.internal.
#pragma once

namespace mio::async {

/// Frees the frames in this thread's lists.
void close_free_lists() noexcept;

/// Arranges for a call of `close_free_lists` when this thread ends. Returns false if memory is exhausted.
[[nodiscard]] bool close_free_lists_at_thread_exit() noexcept;

} // namespace mio::async
