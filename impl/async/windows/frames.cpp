module mio.async.internal;

#include "../frames.hpp"

namespace mio::async {
namespace {

struct Reaper {
    ~Reaper() { close_free_lists(); }
};

} // namespace

bool close_free_lists_at_thread_exit() noexcept {
    thread_local Reaper reaper;
    static_cast<void>(reaper);
    return true;
}

} // namespace mio::async
