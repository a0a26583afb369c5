// All functions of the C library's heap.
#include "heap.hpp"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <new>

#include <malloc.h>

namespace faults {
namespace {

std::atomic<bool (*)() noexcept> limit = nullptr;
std::atomic<std::size_t> count = 0, bytes = 0;

} // namespace

Blocks blocks_in_use() noexcept { return {count, bytes}; }
void limit_heap(bool (*grants)() noexcept) noexcept { limit = grants; }

} // namespace faults

// The GNU C library's own functions, which these replace. `operator new` calls malloc.
extern "C" {
void* __libc_malloc(std::size_t) noexcept;
void* __libc_calloc(std::size_t, std::size_t) noexcept;
void* __libc_realloc(void*, std::size_t) noexcept;
void* __libc_memalign(std::size_t, std::size_t) noexcept;
void __libc_free(void*) noexcept;
}

namespace {

bool is_granted() noexcept {
    const auto grants = faults::limit.load(std::memory_order_relaxed);
    if (grants == nullptr || grants()) return true;
    errno = ENOMEM;
    return false;
}

void* in_use(void* memory) noexcept {
    if (memory == nullptr) return nullptr;
    faults::count.fetch_add(1, std::memory_order_relaxed);
    faults::bytes.fetch_add(::malloc_usable_size(memory), std::memory_order_relaxed);
    return memory;
}

void not_in_use(void* memory) noexcept {
    if (memory == nullptr) return;
    faults::count.fetch_sub(1, std::memory_order_relaxed);
    faults::bytes.fetch_sub(::malloc_usable_size(memory), std::memory_order_relaxed);
}

} // namespace

extern "C" {

void* malloc(std::size_t size) noexcept { return is_granted() ? in_use(__libc_malloc(size)) : nullptr; }
void* calloc(std::size_t many, std::size_t size) noexcept {
    return is_granted() ? in_use(__libc_calloc(many, size)) : nullptr;
}
void* realloc(void* memory, std::size_t size) noexcept {
    if (!is_granted()) return nullptr;
    const auto before = memory == nullptr ? 0 : ::malloc_usable_size(memory);
    void* const moved = __libc_realloc(memory, size);
    if (moved == nullptr && size != 0) return nullptr;
    if (memory != nullptr) {
        faults::count.fetch_sub(1, std::memory_order_relaxed);
        faults::bytes.fetch_sub(before, std::memory_order_relaxed);
    }
    return in_use(moved);
}
void* memalign(std::size_t alignment, std::size_t size) noexcept {
    return is_granted() ? in_use(__libc_memalign(alignment, size)) : nullptr;
}
void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept { return memalign(alignment, size); }
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) noexcept {
    *memory = memalign(alignment, size);
    return *memory == nullptr ? ENOMEM : 0;
}
void free(void* memory) noexcept {
    not_in_use(memory);
    __libc_free(memory);
}
}
