// Results of `mio-probe info`.

#pragma once

#include "machine.hpp"
#include "shared.hpp"

namespace probe {

/// Everything that `mio-probe info` reports about the machine.
struct MachineReport {
    System system;
    std::vector<Facility> facilities;
    std::expected<TimerResolution, Refused>
        timer; ///< or the call that failed, without which nothing can be polled
    std::vector<Limit> limits;
};

} // namespace probe
