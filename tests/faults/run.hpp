// A run of the script in a child process, and what it leaves behind.
#pragma once

#include "fault.hpp"

namespace faults {

/// Notes a failure of this run, for the parent to print.
[[gnu::format(printf, 1, 2)]] void report(const char* format, ...) noexcept;

/// Called in the child after each run of the script.
inline void (*after_each_run)() = [] {};

/// Totals of all runs of a program, printed as one line for other programs.
struct Totals {
    long runs = 0, hits = 0, places = 0, errors = 0, failures = 0;
};

/// Plays `script` in a child process: once with the fault, then once without it. Every failure is printed.
void run(const Fault& fault, void (*script)(), const char* label, Totals& totals);

/// Plays `script` in this process, on a thread of its own.
void play(const Fault& fault, void (*script)());

} // namespace faults
