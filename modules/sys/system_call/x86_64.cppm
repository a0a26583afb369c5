/// @file
/// System calls of Linux on x86-64, without the C library between: its wrappers cost as much as the rest of an event's
/// way through this library. Chosen by `MIO_CALLS` in cmake/Backend.cmake.

module;

export module mio.sys.system_call;

namespace mio::sys {

// A sanitizer sees what the C library's functions do, and would take what the kernel wrote for never written.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
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

/// The kernel's numbers. @see syscall(2)
export inline constexpr long number_of_write = 1;
export inline constexpr long number_of_sendto = 44;
export inline constexpr long number_of_recvfrom = 45;
export inline constexpr long number_of_epoll_wait = 232;
export inline constexpr long number_of_epoll_ctl = 233;

/// Answers what the kernel does: an error is its code, negative.
export inline long system_call(long number, long a, long b, long c, long d) noexcept {
    register long fourth asm("r10") = d;
    asm volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c), "r"(fourth) : "rcx", "r11", "memory");
    return number;
}

export inline long system_call(long number, long a, long b, long c, long d, long e, long f) noexcept {
    register long fourth asm("r10") = d;
    register long fifth asm("r8") = e;
    register long sixth asm("r9") = f;
    asm volatile("syscall"
                 : "+a"(number)
                 : "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth), "r"(sixth)
                 : "rcx", "r11", "memory");
    return number;
}

} // namespace mio::sys
