// raw_signalfd: signals as events. Prints each SIGUSR1 and SIGUSR2 with its sender, and ends with SIGINT
// (Ctrl-C) or SIGTERM. No handler runs, so no call is interrupted. Linux only; see signalfd(2).

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <expected>
#include <system_error>

#include "value.hpp"

import mio;

int main() {
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ); // line-buffered, also into a pipe
    ::sigset_t set;
    ::sigemptyset(&set);
    for (const int number : {SIGUSR1, SIGUSR2, SIGINT, SIGTERM}) ::sigaddset(&set, number);
    // Block the signals, which prevents their default action. In a multi-threaded program, do so before
    // starting threads.
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    const mio::OwnedHandle signals(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
    if (signals.get() == mio::invalid_handle) {
        std::perror("signalfd");
        return EXIT_FAILURE;
    }

    auto poll = value(mio::Poll::create(), "cannot make a poll");
    mio::RawSource source(signals.get()); // `signals` owns the descriptor
    value(poll.registry().add(source, mio::Token{0}, mio::Interest::readable), "cannot watch it");
    std::printf("process %d waits for signals\n", ::getpid());

    const auto next_signal = [&]() -> mio::Result<::signalfd_siginfo> {
        ::signalfd_siginfo info;
        if (::read(source.raw(), &info, sizeof info) == sizeof info) return info;
        return std::unexpected(std::error_code(errno, mio::os_category()));
    };

    mio::Events events(4);
    for (bool running = true; running;) {
        if (auto polled = poll.poll(events); !polled && !mio::interrupted(polled.error()))
            value(polled, "cannot poll");
        // Edge trigger: read until it would block. `try_io` is required by backends that emulate edges.
        while (const auto info = source.try_io(mio::Interest::readable, next_signal)) {
            const int number = static_cast<int>(info->ssi_signo);
            std::printf("%s from process %u\n", ::strsignal(number), info->ssi_pid);
            if (number == SIGINT || number == SIGTERM) running = false;
        }
    }
    value(poll.registry().remove(source), "cannot remove it"); // before its handle is closed
}
