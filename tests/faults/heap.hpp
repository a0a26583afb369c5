// The heap of this program: which of its blocks are in use, and a place at which it runs out of memory. One of the files of
// heap/ defines it.
#pragma once

#include <cstddef>

namespace faults {

/// Blocks of this program.
struct Blocks {
    std::size_t count = 0;
    std::size_t bytes = 0;
    bool operator==(const Blocks&) const = default;
};
Blocks blocks_in_use() noexcept;

/// Calls of operator new, and of malloc and its like except with the address sanitizer, by the whole program, are passed to
/// `grants`: false makes them fail. Null: all succeed.
void limit_heap(bool (*grants)() noexcept) noexcept;

} // namespace faults
