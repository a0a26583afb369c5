#include "std.hpp"

#include "contestants/bare_poll.hpp"
#include "workloads/all.hpp"

#include "bench_rounds.hpp"

namespace probe::bench {

Rounds bare_rounds() { return rounds_of<::bench::BarePoll>; }

} // namespace probe::bench
