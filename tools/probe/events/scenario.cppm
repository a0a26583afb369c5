/// @file
/// The situations that `mio-probe events` can play.

module;

#include <span>
#include <string_view>
#include <vector>

export module probe.events.scenario;

import probe.events.stage;

namespace probe {

/// A situation, played on real sockets.
export struct Scenario {
    std::string_view name;
    std::string_view description;
    void (*play)(Stage&); ///< throws `Refused`, and `Unsupported`
};

// One file each.
std::span<const Scenario> tcp_scenarios();
std::span<const Scenario> listener_scenarios();
std::span<const Scenario> udp_scenarios();
std::span<const Scenario> unix_scenarios();
std::span<const Scenario> pipe_scenarios();
std::span<const Scenario> waker_scenarios();
std::span<const Scenario> edge_scenarios();
std::span<const Scenario> level_scenarios();
std::span<const Scenario> oneshot_scenarios();
std::span<const Scenario> registration_scenarios();

/// Every scenario, in the order in which they are shown.
export std::vector<Scenario> scenarios();

} // namespace probe
