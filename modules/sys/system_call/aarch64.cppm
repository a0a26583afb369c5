/// @file
/// System calls of Linux on 64-bit ARM, without the C library between. Chosen by `MIO_CALLS` in cmake/Backend.cmake.

module;

export module mio.sys.system_call;

namespace mio::sys {

// A sanitizer sees what the C library's functions do, and would take what the kernel wrote for never written.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_HWADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool is_watched = true;
#elif defined(__has_feature)
constexpr bool is_watched = __has_feature(address_sanitizer) || __has_feature(hwaddress_sanitizer)
                            || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer)
                            || __has_feature(dataflow_sanitizer);
#else
constexpr bool is_watched = false;
#endif

/// Whether system calls may pass the C library by: not under a sanitizer.
export inline constexpr bool is_direct = !is_watched;

/// The kernel's numbers. There is no epoll_wait: epoll_pwait without a signal mask is the same. @see syscall(2)
export inline constexpr long number_of_write = 64;
export inline constexpr long number_of_sendto = 206;
export inline constexpr long number_of_recvfrom = 207;
export inline constexpr long number_of_epoll_wait = 22;
export inline constexpr long number_of_epoll_ctl = 21;

/// Answers what the kernel does: an error is its code, negative.
export inline long system_call(long number, long a, long b, long c, long d, long e, long f) noexcept {
    register long name asm("x8") = number;
    register long first asm("x0") = a;
    register long second asm("x1") = b;
    register long third asm("x2") = c;
    register long fourth asm("x3") = d;
    register long fifth asm("x4") = e;
    register long sixth asm("x5") = f;
    asm volatile("svc 0"
                 : "+r"(first)
                 : "r"(name), "r"(second), "r"(third), "r"(fourth), "r"(fifth), "r"(sixth)
                 : "memory", "cc");
    return first;
}

export inline long system_call(long number, long a, long b, long c, long d) noexcept {
    return system_call(number, a, b, c, d, 0, 0);
}

} // namespace mio::sys
