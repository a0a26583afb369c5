module;

#include <span>
#include <vector>

module probe.events.scenario;

namespace probe {

std::vector<Scenario> scenarios() {
    std::vector<Scenario> all;
    for (const auto part : {tcp_scenarios(), listener_scenarios(), udp_scenarios(), unix_scenarios(),
                            pipe_scenarios(), waker_scenarios(), edge_scenarios(), level_scenarios(),
                            oneshot_scenarios(), registration_scenarios()}) {
        all.insert(all.end(), part.begin(), part.end());
    }
    return all;
}

} // namespace probe
