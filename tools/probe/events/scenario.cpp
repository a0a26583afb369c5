module;

#include <span>
#include <vector>

module probe.events.scenario;

namespace probe {

std::vector<Scenario> scenarios() {
    std::vector<Scenario> all;
    for (const auto part : {tcp_scenarios(), listener_scenarios(), waker_scenarios(), trigger_scenarios()}) {
        all.insert(all.end(), part.begin(), part.end());
    }
    return all;
}

} // namespace probe
