// Work at the end of a thread. Include it in the global module fragment.
#pragma once

#include <pthread.h>

namespace mio::os {

/// Calls a function when a thread ends, on that thread, for each thread that asks for it. Construct it once, as a static
/// object. The main thread ends with the process, without the call.
///
/// It stands for a thread_local object with a destructor: the GNU C library ends the process if it has no memory to
/// register one.
/// @see pthread_key_create(3)
class ThreadExit {
  public:
    /// `at_end` receives what was passed to `ask`.
    explicit ThreadExit(void (*at_end)(void*)) noexcept
        : is_created_(::pthread_key_create(&key_, at_end) == 0) {}
    ThreadExit(const ThreadExit&) = delete;
    ThreadExit& operator=(const ThreadExit&) = delete;
    ~ThreadExit() {
        if (is_created_) ::pthread_key_delete(key_);
    }

    /// Asks for the call at the end of this thread. `value` is not null. False: there is no memory, or no key.
    [[nodiscard]] bool ask(void* value) const noexcept {
        return is_created_ && ::pthread_setspecific(key_, value) == 0;
    }

  private:
    ::pthread_key_t key_{};
    bool is_created_;
};

} // namespace mio::os
