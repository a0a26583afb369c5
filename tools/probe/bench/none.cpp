module;

#include <vector>

module probe.bench.workload;

namespace probe::bench {

// No loop on the bare calls of this backend, to compare with, has been written.
std::vector<Workload> workloads() { return {}; }

} // namespace probe::bench
