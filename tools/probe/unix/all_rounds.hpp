// Rounds of all workloads, including `echo`, whose client is a forked process.

#pragma once

#include "workloads/echo.hpp"

#include "bench_rounds.hpp"

namespace probe::bench {

template <class C>
constexpr Rounds rounds_of{
    .wake = wake_round<C>,
    .pingpong = pingpong_round<C>,
    .chain = chain_round<C>,
    .churn = churn_round<C>,
    .echo =
        [](std::uint64_t operations) {
            return measured([&](Latencies latencies) { return ::bench::echo<C>(operations, 1, latencies); });
        },
    .timeout = timeout_round<C>,
};

} // namespace probe::bench
