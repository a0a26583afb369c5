// Variants of pingpong for mio-bench, some with idle sources.

#pragma once

#include "contestants/contestant.hpp"
#include "contestants/socket.hpp"
#include "harness/suite.hpp"
#include "workloads/pingpong.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bench {

template <Contestant C> std::vector<typename C::LocalStream> idle_sources(std::size_t count) {
    std::vector<typename C::LocalStream> all;
    all.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        all.push_back(C::LocalStream::from_raw(Socket::idle_descriptor()));
    }
    return all;
}

template <Contestant C> void enter_pingpong(Suite& suite) {
    struct Variant {
        Workload workload;
        std::size_t pairs;
        std::size_t idle;
    };
    for (const auto& [workload, pairs, idle] : {
             Variant{{"pingpong", "a pass of a byte, 1 pair", 30'000}, 1, 0},
             Variant{{"pingpong-64", "a pass of a byte, 64 pairs", 50'000, 256}, 64, 0},
             Variant{{"pingpong-idle", "a pass of a byte, 1 pair beside 10,000 idle sources", 30'000, 10'100},
                     1,
                     10'000},
             Variant{{"pingpong-64-idle", "a pass of a byte, 64 pairs beside 10,000 idle sources", 50'000,
                      10'300},
                     64,
                     10'000},
         }) {
        suite.enter(workload, std::string(C::name), [pairs, idle](std::uint64_t operations) {
            return PingPong<C>(pairs, idle_sources<C>(idle)).run(operations);
        });
    }
}

} // namespace bench
