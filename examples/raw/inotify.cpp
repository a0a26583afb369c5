// raw_inotify FOLDER: changes of a directory's files as events. Ends when the directory is removed, or with
// Ctrl-C. Linux only; see inotify(7).

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <expected>
#include <string>
#include <system_error>

#include "../printable.hpp"
#include "value.hpp"

import mio;

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fputs("usage: raw_inotify FOLDER\n", stderr);
        return 2;
    }
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ); // line-buffered, also into a pipe
    const mio::OwnedHandle changes(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    constexpr auto wanted = IN_CREATE | IN_CLOSE_WRITE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR;
    if (changes.get() == mio::invalid_handle || ::inotify_add_watch(changes.get(), argv[1], wanted) == -1) {
        std::perror(argv[1]);
        return EXIT_FAILURE;
    }

    auto poll = value(mio::Poll::create(), "cannot make a poll");
    mio::RawSource source(changes.get()); // `changes` owns the descriptor
    value(poll.registry().add(source, mio::Token{0}, mio::Interest::readable), "cannot watch it");
    std::printf("watching %s\n", argv[1]);

    alignas(::inotify_event) std::array<char, 4096> buffer; // several records of variable size
    const auto read_some = [&]() -> mio::Result<std::size_t> {
        const auto count = ::read(source.raw(), buffer.data(), buffer.size());
        if (count == -1) return std::unexpected(std::error_code(errno, mio::os_category()));
        return static_cast<std::size_t>(count);
    };

    mio::Events events(4);
    for (bool running = true; running;) {
        if (auto polled = poll.poll(events); !polled && !mio::interrupted(polled.error()))
            value(polled, "cannot poll");
        // Edge trigger: read until it would block.
        while (const auto size = source.try_io(mio::Interest::readable, read_some)) {
            for (std::size_t i = 0; i < *size;) {
                ::inotify_event record;
                std::memcpy(&record, buffer.data() + i, sizeof record);
                // Names are untrusted: they may contain terminal control characters or line feeds.
                const std::string shown = printable(record.len > 0 ? buffer.data() + i + sizeof record : "");
                const char* name = shown.c_str();
                if (record.mask & IN_CREATE) std::printf("created %s\n", name);
                if (record.mask & IN_CLOSE_WRITE) std::printf("written %s\n", name);
                if (record.mask & (IN_DELETE | IN_MOVED_FROM)) std::printf("gone %s\n", name);
                if (record.mask & IN_MOVED_TO) std::printf("moved here %s\n", name);
                if (record.mask & IN_Q_OVERFLOW) std::puts("too much at once, some of it is lost");
                if (record.mask & IN_IGNORED) running = false; // the directory was removed
                i += sizeof record + record.len;
            }
        }
    }
    value(poll.registry().remove(source), "cannot remove it"); // before its handle is closed
}
