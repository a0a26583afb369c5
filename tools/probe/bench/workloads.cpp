module;

#include <vector>

module probe.bench.workload;

import probe.bench.contestant;

namespace probe::bench {

// A round takes few milliseconds, so that most of them come to their end before something else gets the processor.
std::vector<Workload> workloads() {
    const auto library = library_plays();
    const auto bare = bare_plays();
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
         .operation = "64 bytes to a TCP server in another thread and back, as the client sees it",
         .operations = 200,
         .on_library = library.echo,
         .on_bare_calls = bare.echo},
        {.name = "timeout",
         .operation = "a wait of 50 µs; its latency is how late it ends",
         .operations = 40,
         .compared = Compared::latency,
         .on_library = library.timeout,
         .on_bare_calls = bare.timeout},
    };
}

} // namespace probe::bench
