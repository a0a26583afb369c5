// A server that sends back what it receives, 64 bytes each time.

#pragma once

#include "contestants/contestant.hpp"
#include "harness/latencies.hpp"
#include "harness/suite.hpp"
#include "workloads/echo_connection.hpp"
#include "workloads/load.hpp"
#include "workloads/server.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bench {

/// A round of `operations` echoes through so many `connections`.
template <Contestant C, class Latencies = NoLatencies, template <class> class Connection = EchoConnection>
Sample echo(std::uint64_t operations, std::size_t connections, Latencies latencies = {}) {
    return Server<C, Connection, Latencies>(latencies).run(operations, connections, [&](std::uint16_t port) {
        return Clients<C>(
            [&] { request_and_wait(port, connections, operations, echo_text, echo_text.size()); });
    });
}

inline constexpr Workload echo_workload{"echo", "an echo of 64 bytes, 1 connection", 5'000, 64};
inline constexpr Workload echo_64_workload{"echo-64", "an echo of 64 bytes, 64 connections", 20'000, 256};
inline constexpr Workload short_workload{"short", "a connection for one echo, one after the other", 2'000,
                                         64};

/// Enters `C` with connections that are served as `Connection` does.
template <Contestant C, template <class> class Connection = EchoConnection>
void enter_echo(Suite& suite, std::string_view name = C::name) {
    suite.enter(echo_workload, std::string(name),
                [](std::uint64_t operations) { return echo<C, NoLatencies, Connection>(operations, 1); });
    suite.enter(echo_64_workload, std::string(name),
                [](std::uint64_t operations) { return echo<C, NoLatencies, Connection>(operations, 64); });
    suite.enter(short_workload, std::string(name), [](std::uint64_t operations) {
        return Server<C, Connection>().run(operations, operations, [&](std::uint16_t port) {
            return Clients<C>([&] { connect_and_request(port, operations, echo_text, echo_text.size()); });
        });
    });
}

} // namespace bench
