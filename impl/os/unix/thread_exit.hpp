// Work at the end of a thread. Include it in the global module fragment.
#pragma once

#include <pthread.h>

namespace mio::os {

/// Calls a function at the end of each thread that requested it. Construct it once, as a static object. There is no
/// call for the main thread, which ends with the process.
///
/// A replacement for a thread_local object with a destructor: the GNU C library ends the process if it has no memory to
/// register one.
/// @see pthread_key_create(3)
class ThreadExit {
  public:
    /// `at_end` receives what was passed to `request`.
    explicit ThreadExit(void (*at_end)(void*)) noexcept
        : is_created_(::pthread_key_create(&key_, at_end) == 0) {}
    ThreadExit(const ThreadExit&) = delete;
    ThreadExit& operator=(const ThreadExit&) = delete;
    ~ThreadExit() {
        if (is_created_) ::pthread_key_delete(key_);
    }

    /// Requests the call at the end of this thread. `value` must not be null. Returns false if memory or keys are
    /// exhausted.
    [[nodiscard]] bool request(void* value) const noexcept {
        return is_created_ && ::pthread_setspecific(key_, value) == 0;
    }

  private:
    ::pthread_key_t key_{};
    bool is_created_;
};

} // namespace mio::os
