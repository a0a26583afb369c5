// Over-aligned memory.
#pragma once

#include <malloc.h>

#include <cstddef>

namespace aligned {

inline void* allocate(std::size_t size, std::size_t alignment) noexcept {
    return ::_aligned_malloc(size, alignment);
}
inline void free(void* memory) noexcept { ::_aligned_free(memory); }

} // namespace aligned
