#include "std.hpp"

#include "contestants/bare_kqueue.hpp"
#include "workloads/all.hpp"

#include "bench_rounds.hpp"

namespace probe::bench {

Rounds bare_rounds() { return rounds_of<::bench::BareKqueue>; }

} // namespace probe::bench
