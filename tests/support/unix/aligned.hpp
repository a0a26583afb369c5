// Over-aligned memory.
#pragma once

#include <cstddef>
#include <cstdlib>

namespace aligned {

inline void* allocate(std::size_t size, std::size_t alignment) noexcept {
    return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}
inline void free(void* memory) noexcept { std::free(memory); }

} // namespace aligned
