/// @file
/// `mio-probe events`: what the backends report in each situation, on real sockets.

module;

#include <string>
#include <vector>

export module probe.events;

import probe.failure;

namespace probe {

export struct EventsOptions {
    std::vector<std::string> scenarios; ///< which ones; none means all
    std::vector<std::string> backends;  ///< on which ones, side by side; none means the one behind `Poll`
    bool list = false;                  ///< names them instead of playing them
    bool check = false;                 ///< compares with what is documented
    bool json = false;
};

/// Throws `WrongUsage` for a scenario or a backend that there is not.
export ExitStatus run(const EventsOptions& options);

} // namespace probe
