/// @file
/// What `mio-probe info` finds out about the machine.

module;

#include <string>
#include <system_error>
#include <vector>

export module probe.info.system;

namespace probe {

/// The operating system that runs.
export struct System {
    std::string name;         ///< "Linux"
    std::string kernel;       ///< "6.18.44"
    std::string machine;      ///< "x86_64"
    std::string distribution; ///< "Debian GNU/Linux 12 (bookworm)", if the system says so
};

export System system();

/// Something that the kernel or a sandbox may not offer, and how an attempt to use it ended.
export struct Facility {
    std::string name;
    std::string purpose;   ///< what the library or an operator has of it
    std::error_code error; ///< why it cannot be used; none if it can
};

/// Tries every facility that matters on this platform. Written once for each kind of system.
export std::vector<Facility> facilities();

/// A limit of the system or the process.
export struct Limit {
    std::string name;
    std::string value;     ///< empty if it could not be found out
    std::string purpose;   ///< what it limits
    std::error_code error; ///< why it could not be found out
};

/// The limits of this process.
export std::vector<Limit> process_limits();

/// The limits that the whole system sets. Written once for each kind of system.
export std::vector<Limit> system_limits();

} // namespace probe
