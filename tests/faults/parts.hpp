// Common to both programs: the parts of the script, their files, and the options of the command line.
#pragma once

#include <functional>

#include "run.hpp"

namespace faults {

struct Options {
    long every = 1;             ///< only every n-th run
    const char* only = nullptr; ///< only parts with this in their name
};

/// Calls `sweep` for each part of the script, with its name and a function that plays it, after it was played without a
/// fault. Then prints `totals`, as in README.md, with `places` as the unit of places.
/// Returns the exit status of the program.
int for_each_part(
    int count, char** arguments, const char* places,
    const std::function<void(const char* name, void (*part)(), Totals&, const Options&)>& sweep);

} // namespace faults
