#include "bench.hpp"

namespace probe::bench {

// A round takes a few milliseconds, so that most rounds end before another process gets the processor.
std::vector<Workload> workloads() {
    const auto library = library_rounds();
    const auto bare = bare_rounds();
    const auto async = async_rounds();
    std::vector<Workload> all{
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
         .operation = "the same wait, ended by a mio::time::Alarm",
         .operations = 40,
         .compared = Compared::latency,
         .on_library = alarm_round(),
         .on_bare_calls = bare.timeout},
        {.name = "sleep",
         .operation = "a coroutine's sleep_for of 50 µs; its latency is how late it ends",
         .operations = 40,
         .compared = Compared::latency,
         .on_library = async.sleep,
         .on_bare_calls = bare.timeout},
        {.name = "timers",
         .operation = "1,000 times: arming a timer of 30 s and cancelling it, beside 1,000 others",
         .operations = 100,
         .on_library = async.timers},
        {.name = "coroutine",
         .operation = "passing a byte between two sockets, each with a coroutine",
         .operations = 1'000,
         .on_library = async.coroutine,
         .on_bare_calls = bare.pingpong},
        {.name = "await",
         .operation = "1,000 times: awaiting a coroutine that returns at once",
         .operations = 100,
         .on_library = async.await},
        {.name = "spawn",
         .operation = "1,000 coroutines that end at once: starting them and waiting for all",
         .operations = 100,
         .on_library = async.spawn},
    };
    std::erase_if(all, [](const Workload& workload) { return workload.on_library == nullptr; });
    return all;
}

} // namespace probe::bench
