/// @file
/// What tells the selectors of a process apart. For bodies only.

module;

#include <atomic>
#include <cstdint>

export module mio.sys.selector_id;

namespace mio::sys {

/// Never 0, and never the same twice in a process.
export std::uint64_t next_selector_id() noexcept {
    static std::atomic<std::uint64_t> last = 0;
    return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

} // namespace mio::sys
