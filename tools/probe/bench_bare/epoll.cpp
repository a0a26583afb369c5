#include "std.hpp"

#include "contestants/bare_epoll.hpp"
#include "workloads/all.hpp"

#include "bench_rounds.hpp"

namespace probe::bench {

Rounds bare_rounds() { return rounds_of<::bench::BareEpoll<false>>; }

} // namespace probe::bench
