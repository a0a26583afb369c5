// raw_nested_epoll: another library's event loop inside this one. A library that waits with epoll usually
// exposes its descriptor, so that a program can watch it without another thread. Here the library is four
// lines that watch standard input, a terminal or a pipe. Ends at end of input, or with Ctrl-C. Linux only;
// see epoll(7).
//
// The reverse works too: another event loop can watch `Poll::raw_fd`.

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
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ); // line-buffered, also into a pipe
    const mio::OwnedHandle inner(::epoll_create1(EPOLL_CLOEXEC));
    ::epoll_event wanted{};
    wanted.events = EPOLLIN;
    if (::epoll_ctl(inner.get(), EPOLL_CTL_ADD, STDIN_FILENO, &wanted) == -1) {
        std::perror("standard input"); // usually a regular file, which epoll cannot watch
        return EXIT_FAILURE;
    }

    auto poll = value(mio::Poll::create(), "cannot make a poll");
    mio::RawSource source(inner.get()); // `inner` owns the descriptor
    value(poll.registry().add(source, mio::Token{0}, mio::Interest::readable), "cannot watch it");

    // The library's "dispatch" function: returns an event without blocking.
    const auto next_event = [&]() -> mio::Result<::epoll_event> {
        ::epoll_event event;
        const int count = ::epoll_wait(source.raw(), &event, 1, 0);
        if (count == 1) return event;
        if (count == 0) errno = EAGAIN; // epoll_wait does not report this as an error
        return std::unexpected(std::error_code(errno, mio::os_category()));
    };

    mio::Events events(4);
    for (bool running = true; running;) {
        if (auto polled = poll.poll(events); !polled && !mio::interrupted(polled.error()))
            value(polled, "cannot poll");
        // The event means that the inner instance has events. Edge trigger: repeat until there are none.
        while (running && source.try_io(mio::Interest::readable, next_event)) {
            std::array<char, 4096> buffer;
            const auto count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
            std::printf("%d bytes came in\n", static_cast<int>(count));
            if (count <= 0) running = false;
        }
    }
    value(poll.registry().remove(source), "cannot remove it"); // before its handle is closed
}
