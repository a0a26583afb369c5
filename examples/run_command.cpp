// run_command SECONDS COMMAND [ARGUMENT]...: runs a command for at most this time, and prints how it ended.
//
//     run_command 2 sleep 10
//
// The exit status is that of the command; as in a shell, 128 plus the signal's number if a signal ended it.
//
// Shows a loop that waits for a child process and for signals. After the time limit, or when this program is asked to
// end (Ctrl-C, SIGTERM), it asks the command to end, and ends it by force a second later.

#if defined(_WIN32)
#include <windows.h>
#else
#include <spawn.h>
#include <unistd.h>

#include <csignal>

extern char** environ; // POSIX; not every system declares it
#endif

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <expected>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

import mio;

using Clock = std::chrono::steady_clock;

namespace {

constexpr mio::Token child_token{0};
constexpr mio::Token signals_token{1};

#if defined(_WIN32)
mio::Result<mio::Child> start(char** command) {
    // An argument with spaces in quotes; a quote in an argument is beyond this example.
    std::string line;
    for (auto** argument = command; *argument != nullptr; ++argument) {
        const std::string text(*argument);
        const bool needs_quotes = text.empty() || text.find(' ') != text.npos;
        if (!line.empty()) line += ' ';
        line += needs_quotes ? '"' + text + '"' : text;
    }
    STARTUPINFOA startup{};
    startup.cb = sizeof startup;
    PROCESS_INFORMATION process{};
    if (!CreateProcessA(nullptr, line.data(), nullptr, nullptr, FALSE, 0, nullptr, nullptr, &startup,
                        &process))
        return std::unexpected(std::error_code(static_cast<int>(GetLastError()), mio::os_category()));
    CloseHandle(process.hThread);
    auto child = mio::Child::from_raw(reinterpret_cast<mio::RawHandle>(process.hProcess));
    if (!child) CloseHandle(process.hProcess);
    return child;
}
#else
mio::Result<mio::Child> start(char** command) {
    // The command must not inherit the signals that `Signals` blocks.
    ::sigset_t none;
    sigemptyset(&none);
    ::posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    ::pid_t id = 0;
    const int error = ::posix_spawnp(&id, command[0], nullptr, &attributes, command, environ);
    ::posix_spawnattr_destroy(&attributes);
    if (error != 0) return std::unexpected(std::error_code(error, mio::os_category()));
    // The ID cannot be another process's: it stays in use until `try_wait` returns the status.
    return mio::Child::watch(id);
}
#endif

int fail(std::string_view what, const std::error_code& error) {
    std::cerr << "run_command: " << what << ": " << error.message() << '\n';
    return EXIT_FAILURE;
}

/// Prints how the command ended, and returns the exit status that a shell would report.
int report(const mio::ExitStatus& status) {
    if (status.signal) {
        std::cout << "it was ended by: " << to_string(*status.signal) << std::endl;
        return 128 + status.signal->number();
    }
    std::cout << "it ended with code " << status.code.value_or(0) << std::endl;
    return static_cast<int>(status.code.value_or(0));
}

} // namespace

int main(int argc, char** argv) {
    int seconds = 0;
    const std::string_view limit = argc > 1 ? argv[1] : "";
    const auto parsed = std::from_chars(limit.data(), limit.data() + limit.size(), seconds);
    if (argc < 3 || parsed.ec != std::errc() || parsed.ptr != limit.data() + limit.size() || seconds < 0) {
        std::cerr << "usage: run_command SECONDS COMMAND [ARGUMENT]...\n";
        return 2;
    }

    // First, so that a signal that arrives while the command starts is not lost.
    auto signals = mio::Signals::create({mio::Signal::interrupt, mio::Signal::terminate});
    if (!signals) return fail("cannot watch for signals", signals.error());
    auto child = start(argv + 2);
    if (!child) return fail(argv[2], child.error());

    auto poll = mio::Poll::create();
    if (!poll) return fail("cannot make a poll", poll.error());
    const auto& registry = poll->registry();
    auto added = registry.add(*child, child_token, mio::Interest::readable);
    if (added) added = registry.add(*signals, signals_token, mio::Interest::readable);
    if (!added) return fail("cannot watch the command", added.error());

    // At the deadline it is asked to end; if it does not, it is killed.
    auto deadline = Clock::now() + std::chrono::seconds(seconds);
    auto next = mio::Signal::terminate;
    const auto send_next = [&] {
        // If it has just ended, the error is no_such_process, and its event follows.
        static_cast<void>(child->send(next));
        next = mio::Signal::kill;
        deadline = Clock::now() + std::chrono::seconds(1);
    };

    mio::Events events(4);
    while (true) {
        if (const auto polled = poll->poll_until(events, deadline); !polled)
            return fail("cannot poll", polled.error());
        if (events.empty()) send_next();
        for (const auto& event : events) {
            if (event.token() == signals_token) {
                // Edge trigger: receive until it would block.
                while (const auto signal = signals->receive()) send_next();
            } else if (event.token() == child_token) {
                const auto status = child->try_wait();
                if (!status) return fail("cannot wait", status.error());
                if (!*status) continue;
                return report(**status);
            }
        }
    }
}
