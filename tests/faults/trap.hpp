// System calls of this process pass through a function of the test, those too that the library makes without the C library.
#pragma once

#include <span>

namespace faults {

/// A system call. A failed one has a negated errno as result.
struct Call {
    long number;
    long arguments[6];
};

/// Makes a call that is not trapped.
long pass(const Call& call) noexcept;

template <class... A> long pass(long number, A... arguments) noexcept {
    return pass(Call{number, {(long)(arguments)...}});
}

/// From now on `handler` returns the results of the calls with these numbers, in this process and its children, on all
/// threads. It runs inside a signal handler. False if the kernel has no seccomp filters. Of exit, rt_sigreturn and the calls
/// that create threads and processes none can be trapped.
/// @see seccomp(2)
bool trap(std::span<const long> numbers, long (*handler)(const Call&) noexcept) noexcept;

} // namespace faults
