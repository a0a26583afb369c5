#include "bench.hpp"

namespace probe::bench {

// There is no bare loop of this backend to compare with.
std::vector<Workload> workloads() { return {}; }

} // namespace probe::bench
