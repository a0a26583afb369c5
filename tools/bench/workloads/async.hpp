// Coroutines: servers, and the parts that make no system calls.

#pragma once

#include "contestants/async_contestant.hpp"
#include "contestants/socket.hpp"
#include "harness/processors.hpp"
#include "harness/stopwatch.hpp"
#include "harness/suite.hpp"
#include "workloads/echo.hpp"
#include "workloads/load.hpp"

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace bench {

/// Ends the process with an error if a load process fails: servers of coroutines do not watch it.
void fail_with_load();

/// A server of coroutines for `connections` connections, which `load(port)` makes in another process.
template <AsyncContestant C, class Load>
Sample serve(std::uint64_t operations, std::uint64_t connections, const Load& load_body) {
    C program;
    const Socket listener(Socket::listening_descriptor());
    fail_with_load();
    LoadProcess load([&, port = listener.port()] { load_body(port); });
    const Pinned pinned(processors().front());
    const Stopwatch stopwatch;
    program.serve(must(::dup(listener.raw()), "dup"), connections);
    const auto sample = stopwatch.per(operations);
    load.join();
    return sample;
}

template <AsyncContestant C> void enter_async(Suite& suite) {
    const std::string name(C::name);
    const auto enter_echo = [&](const Workload& workload, std::size_t connections) {
        suite.enter(workload, name, [connections](std::uint64_t operations) {
            return serve<C>(operations, connections, [&](std::uint16_t port) {
                request_and_wait(port, connections, operations, echo_text, echo_text.size());
            });
        });
    };
    enter_echo(echo_workload, 1);
    enter_echo(echo_64_workload, 64);
    suite.enter(short_workload, name, [](std::uint64_t operations) {
        return serve<C>(operations, operations, [&](std::uint16_t port) {
            connect_and_request(port, operations, echo_text, echo_text.size());
        });
    });

    const auto enter = [&](const Workload& workload, void (C::*run)(std::uint64_t)) {
        suite.enter(workload, name, [run](std::uint64_t operations) {
            C program;
            const Stopwatch stopwatch;
            (program.*run)(operations);
            return stopwatch.per(operations);
        });
    };
    constexpr std::uint64_t operations = 1'000'000;
    enter({"await", "awaiting a coroutine that ends at once", operations}, &C::await);
    enter({"spawn", "spawning a coroutine that ends at once, until it has ended", operations}, &C::spawn);
    enter({"await-limit", "awaiting a coroutine that ends at once, with a limit of 30 s", operations},
          &C::timeout);
    enter({"channel", "a number through a channel for 64 between two coroutines of a loop", operations},
          &C::channel);
}

} // namespace bench
