/// @file
/// The workloads, for a contestant.

export module probe.bench.plays;

import probe.bench.chain;
import probe.bench.churn;
import probe.bench.contestant;
import probe.bench.echo;
import probe.bench.pingpong;
import probe.bench.timeout;
import probe.bench.wake;

namespace probe::bench {

export template <Contestant C>
inline constexpr Plays plays_of{
    .wake = Wake<C>::play,
    .pingpong = PingPong<C>::play,
    .chain = Chain<C>::play,
    .churn = Churn<C>::play,
    .echo = Echo<C>::play,
    .timeout = Timeout<C>::play,
};

} // namespace probe::bench
