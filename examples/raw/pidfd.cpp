// raw_pidfd COMMAND [ARGUMENT]...: the end of a process as an event. Runs a command; the loop can do other
// work until it ends. It needs no SIGCHLD handler, so it also works in a library. Linux only; see
// pidfd_open(2).

#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <expected>

#include "value.hpp"

import mio;

using namespace std::chrono_literals;

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fputs("usage: raw_pidfd COMMAND [ARGUMENT]...\n", stderr);
        return 2;
    }
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ); // line-buffered, also into a pipe
    ::pid_t child = 0;
    if (const int error = ::posix_spawnp(&child, argv[1], nullptr, nullptr, argv + 1, environ); error != 0) {
        std::fprintf(stderr, "%s: %s\n", argv[1], std::strerror(error));
        return EXIT_FAILURE;
    }
    // The process ID is not reused before waitpid. glibc has a wrapper for this call since 2.36 (2022).
    const mio::OwnedHandle process(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
    if (process.get() == mio::invalid_handle) {
        std::perror("pidfd_open");
        return EXIT_FAILURE;
    }

    auto poll = value(mio::Poll::create(), "cannot make a poll");
    mio::RawSource source(process.get()); // `process` owns the descriptor
    value(poll.registry().add(source, mio::Token{0}, mio::Interest::readable), "cannot watch it");

    mio::Events events(4);
    int status = 0;
    while (::waitpid(child, &status, WNOHANG) == 0) { // still running
        // The timeout represents the program's other work.
        if (auto polled = poll.poll(events, 1s); !polled && !mio::interrupted(polled.error()))
            value(polled, "cannot poll");
        if (events.empty()) std::puts("it is still running");
    }
    value(poll.registry().remove(source), "cannot remove it"); // before its handle is closed

    if (WIFEXITED(status)) std::printf("it ended with status %d\n", WEXITSTATUS(status));
    if (WIFSIGNALED(status)) std::printf("it was ended by: %s\n", ::strsignal(WTERMSIG(status)));
}
