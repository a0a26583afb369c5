/// @file
/// `mio-probe events`: what the backend reports in each situation, on real sockets.

module;

#include <string>
#include <vector>

export module probe.events;

import probe.failure;

namespace probe {

export struct EventsOptions {
    std::vector<std::string> scenarios; ///< which ones; none means all
    bool list = false;                  ///< names them instead of playing them
    bool check = false;                 ///< compares with what is documented
    bool json = false;
};

/// Throws `WrongUsage` for a scenario that there is not.
export ExitStatus run(const EventsOptions& options);

} // namespace probe
