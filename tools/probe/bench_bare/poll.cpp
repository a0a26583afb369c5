#include "std.hpp"

#include "contestants/bare_poll.hpp"
#include "unix/all_rounds.hpp"
#include "workloads/all.hpp"

namespace probe::bench {

Rounds bare_rounds() { return rounds_of<::bench::BarePoll>; }

} // namespace probe::bench
