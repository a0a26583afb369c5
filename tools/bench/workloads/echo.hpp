// A server that sends back what it receives, 64 bytes each time.

#pragma once

#include "contestants/contestant.hpp"
#include "harness/latencies.hpp"
#include "harness/suite.hpp"
#include "workloads/server.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace bench {

template <class C> struct EchoConnection {
    explicit EchoConnection(typename C::Stream&& opened) : stream(std::move(opened)) {}

    bool serve() {
        std::size_t size = 0;
        do {
            const auto count = stream.read(buffer);
            if (!count) break;
            size = *count;
            if (size == 0) return false;
            stream.write(std::span(buffer).first(size));
        } while (size == buffer.size()); // less means that nothing is left; see epoll(7)
        return true;
    }

    typename C::Stream stream;
    std::array<std::byte, 1024> buffer;
};

inline constexpr std::string_view echo_text =
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A round of `operations` echoes through so many `connections`.
template <Contestant C, class Latencies = NoLatencies, template <class> class Connection = EchoConnection>
Sample echo(std::uint64_t operations, std::size_t connections, Latencies latencies = {}) {
    return Server<C, Connection, Latencies>(latencies).run(operations, connections, echo_text,
                                                           echo_text.size());
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
        return Server<C, Connection>().run_short(operations, echo_text, echo_text.size());
    });
}

} // namespace bench
