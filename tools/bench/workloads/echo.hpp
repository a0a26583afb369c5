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
template <Contestant C, class Latencies = NoLatencies>
Sample echo(std::uint64_t operations, std::size_t connections, Latencies latencies = {}) {
    return Server<C, EchoConnection, Latencies>(latencies).run(operations, connections, echo_text,
                                                               echo_text.size());
}

template <Contestant C> void enter_echo(Suite& suite) {
    suite.enter({"echo", "an echo of 64 bytes, 1 connection", 5'000, 64}, std::string(C::name),
                [](std::uint64_t operations) { return echo<C>(operations, 1); });
    suite.enter({"echo-64", "an echo of 64 bytes, 64 connections", 20'000, 256}, std::string(C::name),
                [](std::uint64_t operations) { return echo<C>(operations, 64); });
}

} // namespace bench
