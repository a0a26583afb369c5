// The system calls that are made to fail, and with which errors.
#pragma once

#include <span>

namespace faults {

/// write(2) to an eventfd, which fails if the counter is full, or if a security module refuses it.
inline constexpr long write_eventfd = -1;

/// Calls of the double of kqueue.
inline constexpr long create_kqueue = -2, add_filter = -3, change_filters = -4, wait_for_events = -5;

struct Fallible {
    long number; ///< negative: not a number of the kernel's
    const char* name;
    std::span<const int> errors; ///< those that a correct program meets: no EBADF, no EFAULT
};

std::span<const Fallible> fallible_calls() noexcept;

/// Null: never fails.
const Fallible* find_fallible(long number) noexcept;

const char* name_of_error(int error) noexcept;

/// Whether the condition behind the error passes by itself, so that a repeated call succeeds in the end.
bool is_transient(int error) noexcept;

} // namespace faults
