// raw_timerfd: a timer as an event. Ticks five times, every 100 ms. Linux only; see timerfd_create(2).
//
// A single timer does not need this: `Poll::poll` has a timeout, and `Poll::poll_until` a deadline.

#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <expected>
#include <system_error>

#include "value.hpp"

import mio;

int main() {
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ); // line-buffered, also into a pipe
    const mio::OwnedHandle timer(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    ::itimerspec schedule{};
    schedule.it_value.tv_nsec = 100'000'000; // first expiration
    schedule.it_interval = schedule.it_value;
    if (timer.get() == mio::invalid_handle || ::timerfd_settime(timer.get(), 0, &schedule, nullptr) == -1) {
        std::perror("timerfd");
        return EXIT_FAILURE;
    }

    auto poll = value(mio::Poll::create(), "cannot make a poll");
    mio::RawSource source(timer.get()); // `timer` owns the descriptor
    value(poll.registry().add(source, mio::Token{0}, mio::Interest::readable), "cannot watch it");

    const auto read_expirations = [&]() -> mio::Result<std::uint64_t> {
        std::uint64_t count = 0;
        if (::read(source.raw(), &count, sizeof count) == sizeof count) return count;
        return std::unexpected(std::error_code(errno, mio::os_category()));
    };

    mio::Events events(4);
    std::uint64_t ticks = 0;
    while (ticks < 5) {
        if (auto polled = poll.poll(events); !polled && !mio::interrupted(polled.error()))
            value(polled, "cannot poll");
        // Edge trigger: read until it would block. The value is the number of expirations since the last
        // read: more than one if the program was busy.
        while (const auto expirations = source.try_io(mio::Interest::readable, read_expirations)) {
            ticks += *expirations;
            std::printf("tick %d\n", static_cast<int>(ticks));
        }
    }
    value(poll.registry().remove(source), "cannot remove it"); // before its handle is closed
}
