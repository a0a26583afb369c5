/// @file
/// What `mio-probe doctor` looks at on this machine.

module;

#include <vector>

export module probe.doctor.checks;

import probe.doctor.judgement;

namespace probe {

/// What the process was started with. Written once for each OS family.
export std::vector<Check> process_checks();

/// What the system offers and limits. Written once for each kind of system.
export std::vector<Check> system_checks();

} // namespace probe
