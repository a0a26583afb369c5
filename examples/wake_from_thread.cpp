// wake_from_thread: a worker thread computes something while the event loop waits, and wakes the loop when it is done.
//
// The result is a plain variable, without mutex or atomic. That is sound because of what a Waker promises: whatever a
// thread wrote before `wake` is visible to the thread whose `poll` reports the wake.

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

// Work that is too long for an event loop, during which no connection would be served.
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

// The event loop, until the worker is done. Returns how often there was time for other things meanwhile.
mio::Result<std::uint64_t> run_until_done(mio::Poll& poll) {
    mio::Events events(16);
    std::uint64_t ticks = 0;
    while (true) {
        // The timeout stands for whatever else the loop has to do: it goes on while the worker works.
        if (const auto polled = poll.poll(events, 5ms); !polled) {
            if (mio::interrupted(polled.error())) continue; // a signal handler ran, nothing more
            return std::unexpected(polled.error());
        }
        if (events.empty()) ++ticks;
        for (const auto& event : events) {
            // Several wakes may have become one event. With several results there would be a queue (which does need a
            // mutex, as the worker goes on filling it), emptied at each event.
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
    // A waker is born registered, and lives as long as somebody may wake with it.
    const auto waker = mio::Waker::create(poll->registry(), worker_done);
    if (!waker) return fail("cannot make a waker", waker.error());

    std::vector<std::uint64_t> primes; // the worker's until it wakes us, ours from then on
    std::thread worker([&primes, &waker] {
        primes = primes_below(5'000'000);
        if (const auto woken = waker->wake(); !woken) {
            // Without the wake the loop would wait for ever, so there is no way to go on.
            std::cerr << "wake_from_thread: cannot wake: " << woken.error().message() << '\n';
            std::abort();
        }
    });

    const auto ticks = run_until_done(*poll);
    std::uint64_t sum = 0;
    // Before the thread is joined, to make the point: it is the wake that makes this safe.
    if (ticks) sum = std::accumulate(primes.begin(), primes.end(), std::uint64_t{0});
    worker.join();
    if (!ticks) return fail("cannot poll", ticks.error());

    std::cout << "the loop ticked " << *ticks << " times while a thread found " << primes.size()
              << " primes, whose sum is " << sum << '\n';
    return EXIT_SUCCESS;
}
