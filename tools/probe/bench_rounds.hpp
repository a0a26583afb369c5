// Rounds of the workloads of tools/bench that every system has, with the latency of each operation. Include it after the
// header of a contestant.

#pragma once

#include "workloads/chain.hpp"
#include "workloads/churn.hpp"
#include "workloads/pingpong.hpp"
#include "workloads/timeout.hpp"
#include "workloads/wake.hpp"

#include "bench_latencies.hpp"

namespace probe::bench {

template <class C>
constexpr Round timeout_round = [](std::uint64_t operations) {
    using namespace std::chrono_literals;
    auto measurement = measured(
        [&](Latencies latencies) { return ::bench::Timeout<C, Latencies>(latencies).run(operations, 50us); });
    // The sample is the delay of a wait; the rate counts whole waits.
    const auto count = static_cast<std::int64_t>(measurement.latencies.count());
    measurement.time += count * std::chrono::nanoseconds(50us);
    return measurement;
};

template <class C>
constexpr Round wake_round = [](std::uint64_t operations) {
    return measured([&](Latencies latencies) { return ::bench::wake<C>(operations, latencies); });
};

template <class C>
constexpr Round pingpong_round = [](std::uint64_t operations) {
    return measured([&](Latencies latencies) {
        return ::bench::PingPong<C, Latencies>(1, {}, latencies).run(operations);
    });
};

template <class C>
constexpr Round chain_round = [](std::uint64_t operations) {
    return measured([&](Latencies latencies) {
        return ::bench::Chain<C, Latencies, 10>(100, latencies).run(operations);
    });
};

template <class C>
constexpr Round churn_round = [](std::uint64_t operations) {
    return measured([&](Latencies latencies) {
        return ::bench::Churn<C, Latencies, 1>(latencies).add_and_remove(operations);
    });
};

} // namespace probe::bench
