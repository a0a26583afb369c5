// raw_nested_epoll: somebody else's event loop inside of ours. A library that waits with epoll usually tells its
// descriptor, so that a program need not give it a thread. Here the library is four lines: it waits for standard input,
// a terminal or a pipe. Ends when that does, or with Ctrl-C. Linux only; see epoll(7).
//
// The other way round works too: `Poll::raw_fd` is for the loops of others to watch.

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <expected>
#include <system_error>

#include "value.hpp"

import mio;

int main() {
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ); // each line at once, also into a pipe
    const mio::OwnedHandle inner(::epoll_create1(EPOLL_CLOEXEC));
    ::epoll_event wanted{};
    wanted.events = EPOLLIN;
    if (::epoll_ctl(inner.get(), EPOLL_CTL_ADD, STDIN_FILENO, &wanted) == -1) {
        std::perror("standard input"); // a file, most likely, and for files nobody can wait
        return EXIT_FAILURE;
    }

    auto poll = value(mio::Poll::create(), "cannot make a poll");
    mio::RawSource source(inner.get()); // watches what `inner` owns
    value(poll.registry().add(source, mio::Token{0}, mio::Interest::readable), "cannot watch it");

    // What such a library calls "dispatch": looks what there is, without waiting.
    const auto next_event = [&]() -> mio::Result<::epoll_event> {
        ::epoll_event event;
        const int count = ::epoll_wait(source.raw(), &event, 1, 0);
        if (count == 1) return event;
        if (count == 0) errno = EAGAIN; // epoll_wait itself has no error for that
        return std::unexpected(std::error_code(errno, mio::os_category()));
    };

    mio::Events events(4);
    for (bool running = true; running;) {
        if (auto polled = poll.poll(events); !polled && !mio::interrupted(polled.error()))
            value(polled, "cannot poll");
        // Our event means that the inner loop has some. Edge trigger: until it has no more.
        while (running && source.try_io(mio::Interest::readable, next_event)) {
            std::array<char, 4096> buffer;
            const auto count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
            std::printf("%d bytes came in\n", static_cast<int>(count));
            if (count <= 0) running = false;
        }
    }
    value(poll.registry().remove(source), "cannot remove it"); // before its handle is closed
}
