// One fault of a run: a system call that fails, or an allocation.
#pragma once

#include <span>

namespace faults {

struct Fault {
    enum class Of { nothing, call, allocation } of = Of::nothing;
    long nth = 0;    ///< the first that fails, of all fallible calls, or of all allocations
    long number = 0; ///< of the system call; later ones fail only if they have this number
    int error = 0;
    long times = 1; ///< how often it fails
};

/// Traps the fallible calls of this process for good; see `trap`.
bool prepare_faults() noexcept;

/// From now on the calls with these numbers fail with ENOSYS, as on a kernel that lacks them. They are not counted.
void remove_calls(std::span<const long> numbers) noexcept;

/// From now on calls and allocations of all threads are counted, and fail as `fault` says.
void arm(const Fault& fault) noexcept;
void disarm() noexcept;

/// Whether something has failed since `arm`.
bool has_fired() noexcept;
/// The argument of `arm`.
const Fault& armed_fault() noexcept;

/// Whether a thread is in a system call that waits for events.
bool is_waiting() noexcept;

/// The numbers of the calls since `arm`, in order.
std::span<const long> calls_made() noexcept;
/// The number of allocations since `arm`.
long allocations_made() noexcept;

} // namespace faults
