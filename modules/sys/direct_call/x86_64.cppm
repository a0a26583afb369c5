/// @file
/// A system call without the C library: Linux on x86-64. `aarch64.cppm` beside this file is the same for 64-bit Arm.
///
/// It saves the library's wrapper, which costs more than all else that this library adds to a call: a jump through a table, a
/// question whether the thread may be cancelled, and `errno`. A thread cannot be cancelled in such a call, and what stands
/// in the C library's place (LD_PRELOAD, a sanitizer) does not see it.

export module mio.sys.direct_call;

namespace mio::sys {

/// What the kernel answers: at least 0, or a negative `errno` value.
/// @see syscall(2)
export inline long direct_call(long number, long a, long b, long c) noexcept {
    long answer;
    asm volatile("syscall" : "=a"(answer) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return answer;
}
export inline long direct_call(long number, long a, long b, long c, long d) noexcept {
    long answer;
    register long r10 asm("r10") = d;
    asm volatile("syscall"
                 : "=a"(answer)
                 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                 : "rcx", "r11", "memory");
    return answer;
}
export inline long direct_call(long number, long a, long b, long c, long d, long e, long f) noexcept {
    long answer;
    register long r10 asm("r10") = d;
    register long r8 asm("r8") = e;
    register long r9 asm("r9") = f;
    asm volatile("syscall"
                 : "=a"(answer)
                 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                 : "rcx", "r11", "memory");
    return answer;
}

} // namespace mio::sys
