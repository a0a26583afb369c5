module;

#include <pthread.h>

module mio.os.fork;

import mio.core.error;
import mio.std;

namespace mio::os {
namespace {

std::atomic<bool> is_counting = false;
std::atomic<std::uint16_t> generation = 0;

} // namespace

Result<> count_forks() noexcept {
    if (is_counting.load(std::memory_order_acquire)) return {};
    // Two threads may both register the handler: then the generation changes by two at each fork, which is harmless.
    const int code =
        ::pthread_atfork(nullptr, nullptr, [] { generation.fetch_add(1, std::memory_order_relaxed); });
    if (code != 0) return std::unexpected(std::error_code(code, os_category()));
    is_counting.store(true, std::memory_order_release);
    return {};
}

std::uint16_t fork_generation() noexcept { return generation.load(std::memory_order_relaxed); }

} // namespace mio::os
