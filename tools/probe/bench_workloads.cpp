#include "bench.hpp"

namespace probe::bench {

// A round takes a few milliseconds, so that most rounds end before another process gets the processor.
std::vector<Workload> workloads() {
    const auto library = library_rounds();
    const auto bare = bare_rounds();
    return {
        {.name = "wake",
         .operation = "waking another thread and being woken by it",
         .operations = 200,
         .on_library = library.wake,
         .on_bare_calls = bare.wake},
        {.name = "pingpong",
         .operation = "passing a byte between two sockets of one loop",
         .operations = 1'000,
         .on_library = library.pingpong,
         .on_bare_calls = bare.pingpong},
        {.name = "chain",
         .operation = "an event, from the write that causes it; 100 pairs of sockets, 10 of them active",
         .operations = 2'000,
         .on_library = library.chain,
         .on_bare_calls = bare.chain},
        {.name = "churn",
         .operation = "adding a source, looking for events, removing it",
         .operations = 1'000,
         .on_library = library.churn,
         .on_bare_calls = bare.churn},
        {.name = "echo",
         .operation = "64 bytes from a client in another process to a TCP server and back",
         .operations = 200,
         .on_library = library.echo,
         .on_bare_calls = bare.echo},
        {.name = "timeout",
         .operation = "a wait of 50 µs; its latency is how late it ends",
         .operations = 40,
         .compared = Compared::latency,
         .on_library = library.timeout,
         .on_bare_calls = bare.timeout},
        {.name = "alarm",
         .operation = "the same with a mio::time::Alarm, compared with a bare wait",
         .operations = 40,
         .compared = Compared::latency,
         .on_library = alarm_round(),
         .on_bare_calls = bare.timeout},
    };
}

} // namespace probe::bench
