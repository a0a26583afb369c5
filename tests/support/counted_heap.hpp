// Counts a program's allocations, and makes them fail on request. It replaces operator new and malloc: include it in one
// file of a program, before the helpers that import mio.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <new>

#include "aligned.hpp"

// Sanitizers report calls of malloc themselves. The thread sanitizer has its own operator new, which cannot be replaced.
#if defined(__SANITIZE_ADDRESS__)
#define TEST_UNDER_SANITIZER 1
#elif defined(__SANITIZE_THREAD__)
#define TEST_UNDER_SANITIZER 1
#define TEST_UNDER_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define TEST_UNDER_SANITIZER 1
#endif
#if __has_feature(thread_sanitizer)
#define TEST_UNDER_THREAD_SANITIZER 1
#endif
#endif
#if !defined(TEST_UNDER_SANITIZER) && defined(__GLIBC__)
#define TEST_REPLACES_MALLOC 1
#endif

namespace test {

#ifdef TEST_UNDER_SANITIZER
inline constexpr bool under_sanitizer = true;
#else
inline constexpr bool under_sanitizer = false;
#endif

/// Whether operator new is counted and can fail.
#ifdef TEST_UNDER_THREAD_SANITIZER
inline constexpr bool replaces_new = false;
#else
inline constexpr bool replaces_new = true;
#endif

/// Whether malloc, calloc and realloc are counted and operator new is not counted among them.
#ifdef TEST_REPLACES_MALLOC
inline constexpr bool replaces_malloc = true;
#else
inline constexpr bool replaces_malloc = false;
#endif

/// The allocations of all threads.
struct Heap {
    std::atomic<std::size_t> allocations = 0;     ///< calls of operator new
    std::atomic<std::size_t> allocated_bytes = 0; ///< their sizes
    std::atomic<std::size_t> freed = 0;           ///< calls of operator delete, except for null
    std::atomic<std::size_t> mallocs = 0; ///< calls of malloc, calloc and realloc, where they are counted

    std::atomic<bool> is_short = false; ///< operator new fails
    std::atomic<std::size_t> failing =
        0; ///< number of the call of operator new that fails, as in `allocations`
};
inline constinit Heap heap;

/// Number of calls of operator new while `f` runs.
template <class F> std::size_t allocations_in(F&& f) {
    const auto before = heap.allocations.load();
    f();
    return heap.allocations - before;
}

} // namespace test

#ifdef TEST_UNDER_SANITIZER
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void*, std::size_t),
                                                         void (*)(const volatile void*));
namespace {

const int installed_hooks = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void*, std::size_t) { ++test::heap.mallocs; }, [](const volatile void*) {});

} // namespace
#endif

#ifdef TEST_REPLACES_MALLOC
// The C library's own functions, under the names that stay reachable while the replacements below are linked.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);

void* malloc(std::size_t size) noexcept {
    ++test::heap.mallocs;
    return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) noexcept {
    ++test::heap.mallocs;
    return __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) noexcept {
    ++test::heap.mallocs;
    return __libc_realloc(memory, size);
}
}
#endif

#ifndef TEST_UNDER_THREAD_SANITIZER
namespace {

bool is_granted(std::size_t size) noexcept {
    const auto number = ++test::heap.allocations;
    test::heap.allocated_bytes += size;
    return !test::heap.is_short && number != test::heap.failing;
}
void* allocate(std::size_t size) noexcept {
    if (!is_granted(size)) return nullptr;
#ifdef TEST_REPLACES_MALLOC
    return __libc_malloc(size == 0 ? 1 : size); // is not counted again
#else
    return std::malloc(size == 0 ? 1 : size);
#endif
}
void* allocate(std::size_t size, std::align_val_t alignment) noexcept {
    if (!is_granted(size) || size > std::numeric_limits<std::size_t>::max() / 4) return nullptr;
    return aligned::allocate(size, static_cast<std::size_t>(alignment));
}
void* or_throw(void* memory) {
    if (memory == nullptr) {
#ifdef __cpp_exceptions
        throw std::bad_alloc();
#else
        std::abort();
#endif
    }
    return memory;
}
void deallocate(void* memory) noexcept {
    if (memory != nullptr) ++test::heap.freed;
    std::free(memory);
}
void deallocate_aligned(void* memory) noexcept {
    if (memory != nullptr) ++test::heap.freed;
    aligned::free(memory);
}

} // namespace

// GCC inlines these and mistakes the memory for another operator's.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif
void* operator new(std::size_t n) { return or_throw(allocate(n)); }
void* operator new[](std::size_t n) { return or_throw(allocate(n)); }
void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return allocate(n); }
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept { return allocate(n); }
void* operator new(std::size_t n, std::align_val_t a) { return or_throw(allocate(n, a)); }
void* operator new[](std::size_t n, std::align_val_t a) { return or_throw(allocate(n, a)); }
void* operator new(std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
    return allocate(n, a);
}
void* operator new[](std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
    return allocate(n, a);
}
void operator delete(void* p) noexcept { deallocate(p); }
void operator delete[](void* p) noexcept { deallocate(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { deallocate(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { deallocate(p); }
void operator delete(void* p, std::size_t) noexcept { deallocate(p); }
void operator delete[](void* p, std::size_t) noexcept { deallocate(p); }
void operator delete(void* p, std::align_val_t) noexcept { deallocate_aligned(p); }
void operator delete[](void* p, std::align_val_t) noexcept { deallocate_aligned(p); }
void operator delete(void* p, std::align_val_t, const std::nothrow_t&) noexcept { deallocate_aligned(p); }
void operator delete[](void* p, std::align_val_t, const std::nothrow_t&) noexcept { deallocate_aligned(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { deallocate_aligned(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { deallocate_aligned(p); }
#endif
