// The part of the kernel that this program contains: none, or the double of kqueue. One of the files of kernel/ defines it.
#pragma once

namespace faults {

/// Calls of kqueue and kevent are passed to `fails`, with a number of errors.hpp. It returns the errno to fail with, or 0.
void watch_kernel(int (*fails)(long number) noexcept) noexcept;

/// Whether this thread executes that part: its system calls and allocations cannot fail.
bool is_inside_kernel() noexcept;

} // namespace faults
