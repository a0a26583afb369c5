// The heap of this program: which of its blocks are in use, and a place at which it runs out of memory.
#pragma once

#include <cstddef>

namespace faults {

/// Blocks of this program. With a sanitizer, which has a heap of its own, there are none.
struct Blocks {
    std::size_t count = 0;
    std::size_t bytes = 0;
    bool operator==(const Blocks&) const = default;
};
Blocks blocks_in_use() noexcept;

/// Calls of malloc, operator new and their like, by the whole program, are passed to `grants`: false makes them fail. Null:
/// all succeed.
void limit_heap(bool (*grants)() noexcept) noexcept;

/// Whether this program has this heap.
bool has_heap() noexcept;

} // namespace faults
