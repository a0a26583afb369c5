// The end of a thread's free lists. Include it in the purview of mio.async.loop.
#pragma once

namespace mio::async {

/// Gives the frames in this thread's lists back.
void close_free_lists() noexcept;

/// Makes `close_free_lists` be called when this thread ends. False: there is no memory for that.
[[nodiscard]] bool close_free_lists_at_thread_exit() noexcept;

} // namespace mio::async
