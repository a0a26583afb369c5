#include "fault.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>

#include <sys/epoll.h>
#include <sys/syscall.h>

#include "errors.hpp"
#include "heap.hpp"
#include "kernel.hpp"
#include "registrations.hpp"
#include "trap.hpp"

namespace faults {
namespace {

constexpr long most_calls = 65536;
long numbers[most_calls];

constexpr long most_descriptors = 1024;
std::atomic<bool> is_eventfd[most_descriptors]; // by number

long number_of(const Call& call) noexcept {
    const long fd = call.arguments[0];
    const bool is_known = fd >= 0 && fd < most_descriptors && is_eventfd[fd].load(std::memory_order_relaxed);
    return call.number == SYS_write && is_known ? write_eventfd : call.number;
}

std::span<const long> lacking; // see `remove_calls`

std::atomic<int> waiting = 0; // threads that are in a call that waits

bool waits(long number) noexcept {
#if defined(__x86_64__)
    if (number == SYS_epoll_wait) return true;
#endif
    return number == SYS_epoll_pwait || number == SYS_epoll_pwait2 || number == SYS_ppoll;
}

long make(const Call& call) noexcept {
    if (!waits(call.number)) return pass(call);
    waiting.fetch_add(1, std::memory_order_relaxed);
    const long result = pass(call);
    waiting.fetch_sub(1, std::memory_order_relaxed);
    return result;
}

void note(const Call& call, long result) noexcept {
    if (call.number == SYS_epoll_ctl && result == 0) note_registration(call);
    if (call.number == SYS_eventfd2 && result >= 0 && result < most_descriptors) is_eventfd[result] = true;
    if (call.number == SYS_close && call.arguments[0] < most_descriptors)
        is_eventfd[call.arguments[0]] = false;
}

Fault fault;
std::atomic<bool> is_armed = false;
std::atomic<long> calls = 0, allocations = 0, failed = 0;

// Whether the one that was counted as `nth` fails.
bool fails(Fault::Of of, long nth) noexcept {
    if (fault.of != of || nth < fault.nth || failed.load(std::memory_order_relaxed) >= fault.times)
        return false;
    failed.fetch_add(1, std::memory_order_relaxed);
    return true;
}

// Counts a call with this number. Returns whether it fails.
bool count_call(long number) noexcept {
    if (!is_armed.load(std::memory_order_acquire)) return false;
    const long nth = calls.fetch_add(1, std::memory_order_relaxed);
    if (nth < most_calls) numbers[nth] = number;
    return number == fault.number && fails(Fault::Of::call, nth);
}

long on_call(const Call& call) noexcept {
    if (std::ranges::find(lacking, call.number) != lacking.end()) return -ENOSYS;
    const bool has_failed = !is_inside_kernel() && count_call(number_of(call));
    // Linux closes the descriptor whatever close(2) returns.
    if (!has_failed || call.number == SYS_close) {
        const long result = make(call);
        note(call, result);
        if (!has_failed) return result;
    }
    if (fault.error == EAGAIN) report_again(call.arguments[0]);
    return -fault.error;
}

int on_emulated_call(long number) noexcept { return count_call(number) ? fault.error : 0; }

bool on_allocation() noexcept {
    if (!is_armed.load(std::memory_order_acquire) || is_inside_kernel()) return true;
    return !fails(Fault::Of::allocation, allocations.fetch_add(1, std::memory_order_relaxed));
}

} // namespace

bool prepare_faults() noexcept {
    long trapped[128];
    std::size_t count = 0;
    for (const auto& fallible : fallible_calls())
        if (fallible.number >= 0) trapped[count++] = fallible.number;
    limit_heap(&on_allocation);
    watch_kernel(&on_emulated_call);
    return trap({trapped, count}, &on_call);
}

void remove_calls(std::span<const long> calls_removed) noexcept { lacking = calls_removed; }

void arm(const Fault& next) noexcept {
    fault = next;
    calls = allocations = failed = 0;
    is_armed.store(true, std::memory_order_release);
}
void disarm() noexcept { is_armed.store(false, std::memory_order_release); }

bool has_fired() noexcept { return failed != 0; }
bool is_waiting() noexcept { return waiting != 0; }
const Fault& armed_fault() noexcept { return fault; }

std::span<const long> calls_made() noexcept {
    return {numbers, static_cast<std::size_t>(std::min(calls.load(), most_calls))};
}
long allocations_made() noexcept { return allocations; }

} // namespace faults
