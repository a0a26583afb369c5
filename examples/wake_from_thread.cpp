// wake_from_thread: a worker thread computes a result while the event loop runs, and wakes the loop when it
// is done.
//
// The result is a plain variable, without a mutex or an atomic. A Waker guarantees that this is safe: writes
// by a thread before `wake` are visible to the thread whose `poll` reports the wake-up.
//
// A PollCounters counts what the loop does. It is optional: without it, polling and waking count nothing.

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <expected>
#include <iostream>
#include <numeric>
#include <system_error>
#include <thread>
#include <vector>

import mio;

using namespace std::chrono_literals;

namespace {

constexpr mio::Token worker_done{1};

// Work that takes too long for an event loop: it would delay all connections.
std::vector<std::uint64_t> primes_below(std::uint64_t limit) {
    std::vector<bool> composite(limit, false);
    std::vector<std::uint64_t> primes;
    for (std::uint64_t i = 2; i < limit; ++i) {
        if (composite[i]) continue;
        primes.push_back(i);
        for (std::uint64_t multiple = i * i; multiple < limit; multiple += i) composite[multiple] = true;
    }
    return primes;
}

// Runs the event loop until the worker is done. Returns the number of ticks, which represent other work.
mio::Result<std::uint64_t> run_until_done(mio::Poll& poll, mio::PollCounters& counters) {
    mio::Events events(16);
    std::uint64_t ticks = 0;
    while (true) {
        // The timeout represents the loop's other work, which continues meanwhile.
        if (const auto polled = poll.poll(events, 5ms, counters); !polled) {
            if (mio::interrupted(polled.error())) continue; // a signal handler ran
            return std::unexpected(polled.error());
        }
        if (events.empty()) ++ticks;
        for (const auto& event : events) {
            // Several wake-ups may be coalesced into one event. For several results, use a queue (with a
            // mutex, because the worker keeps adding to it) and empty it at each event.
            if (event.token() == worker_done) return ticks;
        }
    }
}

int fail(const char* what, const std::error_code& error) {
    std::cerr << "wake_from_thread: " << what << ": " << error.message() << '\n';
    return EXIT_FAILURE;
}

} // namespace

int main() {
    auto poll = mio::Poll::create();
    if (!poll) return fail("cannot make a poll", poll.error());
    // A waker is registered on creation. It must outlive every call of `wake`.
    const auto waker = mio::Waker::create(poll->registry(), worker_done);
    if (!waker) return fail("cannot make a waker", waker.error());

    mio::PollCounters counters;
    std::vector<std::uint64_t> primes; // owned by the worker until the wake-up, then by this thread
    std::thread worker([&primes, &waker, &counters] {
        primes = primes_below(5'000'000);
        if (const auto woken = waker->wake(counters); !woken) {
            // Without the wake-up the loop would never end.
            std::cerr << "wake_from_thread: cannot wake: " << woken.error().message() << '\n';
            std::abort();
        }
    });

    const auto ticks = run_until_done(*poll, counters);
    std::uint64_t sum = 0;
    // Read before the thread is joined, to demonstrate that the wake-up makes this safe.
    if (ticks) sum = std::accumulate(primes.begin(), primes.end(), std::uint64_t{0});
    worker.join();
    if (!ticks) return fail("cannot poll", ticks.error());

    std::cout << "the loop ticked " << *ticks << " times while a thread found " << primes.size()
              << " primes, whose sum is " << sum << '\n'
              << "polls: " << counters.polls() << ", events: " << counters.events()
              << ", wake-ups: " << counters.wakes_sent() << ", time in polls: "
              << std::chrono::duration_cast<std::chrono::milliseconds>(counters.time_in_polls()).count()
              << " ms, longest gap: "
              << std::chrono::duration_cast<std::chrono::microseconds>(counters.longest_gap()).count()
              << " us\n";
    return EXIT_SUCCESS;
}
