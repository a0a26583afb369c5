// Rounds of all workloads: those with socket pairs and a client in another process, too.

#pragma once

#include "workloads/echo.hpp"
#include "workloads/pingpong.hpp"

#include "bench_rounds.hpp"

namespace probe::bench {

template <class C>
constexpr Rounds rounds_of{
    .wake = wake_round<C>,
    .pingpong =
        [](std::uint64_t operations) {
            return measured([&](Latencies latencies) {
                return ::bench::PingPong<C, Latencies>(1, 0, latencies).run(operations);
            });
        },
    .chain = chain_round<C>,
    .churn = churn_round<C>,
    .echo =
        [](std::uint64_t operations) {
            return measured([&](Latencies latencies) { return ::bench::echo<C>(operations, 1, latencies); });
        },
    .timeout = timeout_round<C>,
};

} // namespace probe::bench
