/// @file
/// The most frequent system calls, made directly: the C library's wrappers cost as much as the rest of this
/// library's work per event. Linux on x86-64 and 64-bit ARM; `library.cppm` is used everywhere else.

export module mio.sys.calls;

import mio.std;
import mio.core.handle;

namespace mio::sys {

#if defined(__x86_64__)

enum class Call : long { write = 1, sendto = 44, recvfrom = 45, epoll_wait = 232, epoll_ctl = 233 };

// Returns the kernel's result: a negated error code on failure. @see syscall(2)
inline long call(Call number, long a, long b, long c, long d, long e, long f) noexcept {
    long result = static_cast<long>(number);
    register long fourth asm("r10") = d;
    register long fifth asm("r8") = e;
    register long sixth asm("r9") = f;
    asm volatile("syscall"
                 : "+a"(result)
                 : "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth), "r"(sixth)
                 : "rcx", "r11", "memory");
    return result;
}
inline long call(Call number, long a, long b, long c, long d) noexcept {
    long result = static_cast<long>(number);
    register long fourth asm("r10") = d;
    asm volatile("syscall" : "+a"(result) : "D"(a), "S"(b), "d"(c), "r"(fourth) : "rcx", "r11", "memory");
    return result;
}

#elif defined(__aarch64__)

// There is no epoll_wait: epoll_pwait without a signal mask is equivalent.
enum class Call : long { epoll_ctl = 21, epoll_wait = 22, write = 64, sendto = 206, recvfrom = 207 };

inline long call(Call number, long a, long b, long c, long d, long e, long f) noexcept {
    register long name asm("x8") = static_cast<long>(number);
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
inline long call(Call number, long a, long b, long c, long d) noexcept {
    return call(number, a, b, c, d, 0, 0);
}

#endif

inline long address(const void* pointer) noexcept { return reinterpret_cast<std::intptr_t>(pointer); }

/// The result of a call: a count, or a negated error code of `os_category()`.
export using Count = std::ptrdiff_t;

/// Receives from a socket, without flags. @see recv(2)
export inline Count receive(RawHandle handle, std::byte* buffer, std::size_t size) noexcept {
    return call(Call::recvfrom, handle, address(buffer), static_cast<long>(size), 0, 0, 0);
}

/// Sends to a socket, without SIGPIPE. @see send(2)
export inline Count send(RawHandle handle, const std::byte* bytes, std::size_t size) noexcept {
    constexpr long no_signal = 0x4000; // MSG_NOSIGNAL
    return call(Call::sendto, handle, address(bytes), static_cast<long>(size), no_signal, 0, 0);
}

/// Waits for up to `capacity` records of type `epoll_event`; `capacity` is at most INT_MAX. @see
/// epoll_wait(2)
export inline Count wait_epoll(RawHandle epoll, void* records, std::size_t capacity,
                               int milliseconds) noexcept {
    return call(Call::epoll_wait, epoll, address(records), static_cast<long>(capacity), milliseconds);
}

/// `record` is an `epoll_event`. @see epoll_ctl(2)
export inline Count control_epoll(RawHandle epoll, int operation, RawHandle handle,
                                  const void* record) noexcept {
    return call(Call::epoll_ctl, epoll, operation, handle, address(record));
}

/// Adds to the counter of an eventfd. @see eventfd(2)
export inline Count add_eventfd(RawHandle eventfd, std::uint64_t value) noexcept {
    return call(Call::write, eventfd, address(&value), sizeof value, 0);
}

} // namespace mio::sys
