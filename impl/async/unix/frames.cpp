module;

#include "../../os/unix/thread_exit.hpp"

module mio.async.internal;

#include "../frames.hpp"

namespace mio::async {

bool close_free_lists_at_thread_exit() noexcept {
    static os::ThreadExit at_exit([](void*) { close_free_lists(); });
    return at_exit.request(&at_exit);
}

} // namespace mio::async
