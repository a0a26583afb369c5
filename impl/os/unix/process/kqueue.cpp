// A kqueue of its own for each object: Apple and the BSDs. Its descriptor can be watched by any backend.

module;

#include <sys/types.h>

#include <fcntl.h>
#include <sys/event.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>

module mio.os.process;

import mio.core.error;
import mio.core.handle;
import mio.core.process;
import mio.os;
import mio.os.open;
import mio.os.sigpipe;
import mio.std;

namespace mio::os {
namespace {

std::unexpected<std::error_code> fail(int code) noexcept {
    return std::unexpected(std::error_code(code, os_category()));
}

Result<OwnedHandle> open_kqueue() noexcept {
    auto kqueue = check_handle(::kqueue());
    if (!kqueue) return kqueue;
    if (auto marked = check(::fcntl(kqueue->get(), F_SETFD, FD_CLOEXEC)); !marked)
        return std::unexpected(marked.error());
    return kqueue;
}

template <class Filter>
Result<> add(RawHandle kqueue, std::uintptr_t ident, Filter filter, unsigned notes) noexcept {
    struct kevent change{};
    change.ident = ident;
    change.filter = static_cast<decltype(change.filter)>(filter);
    change.flags = EV_ADD;
    change.fflags = notes;
    return check(::kevent(kqueue, &change, 1, nullptr, 0, nullptr));
}

// A descriptor that is always readable.
Result<OwnedHandle> open_ready() noexcept {
    auto ends = open_pipe();
    if (!ends) return std::unexpected(ends.error());
    constexpr std::byte any{1};
    if (auto written = check_count(::write(ends->sender.get(), &any, 1)); !written)
        return std::unexpected(written.error());
    return std::move(ends->receiver);
}

// Waits until the child can be waited for, and leaves it in that state.
Result<> await_zombie(::pid_t child) noexcept {
    ::siginfo_t info{};
    while (true) {
        auto waited = check(::waitid(P_PID, static_cast<::id_t>(child), &info, WEXITED | WNOWAIT));
        if (waited || !interrupted(waited.error())) return waited;
    }
}

} // namespace

const bool are_inherited = false;

Result<OwnedHandle> open_signals(const ::sigset_t& set) noexcept {
    auto kqueue = open_kqueue();
    if (!kqueue) return kqueue;
#ifdef SIGRTMAX
    const int last = SIGRTMAX;
#else
    const int last = NSIG - 1;
#endif
    for (int number = 1; number <= last; ++number) {
        if (sigismember(&set, number) != 1) continue;
        if (auto added = add(kqueue->get(), static_cast<std::uintptr_t>(number), EVFILT_SIGNAL, 0); !added)
            return std::unexpected(added.error());
        // One that was pending before is not recorded: send it again.
        if (is_pending(number).value_or(false)) {
            static_cast<void>(take_back(number));
            if (auto sent = check(::kill(::getpid(), number)); !sent) return std::unexpected(sent.error());
        }
    }
    return kqueue;
}

Result<SignalInfo> take_signal(RawHandle signals) noexcept {
    struct kevent event{};
    constexpr ::timespec at_once{};
    const int count = ::kevent(signals, nullptr, 0, &event, 1, &at_once);
    if (count == -1) return std::unexpected(last_error());
    if (count == 0) return fail(EAGAIN);
    const auto number = static_cast<int>(event.ident);
    // Recorded above; unblocking must not cause its action.
    static_cast<void>(take_back(number));
    return SignalInfo{Signal::from_number(number), std::nullopt};
}

Result<OwnedHandle> open_process(::pid_t process) noexcept {
    auto kqueue = open_kqueue();
    if (!kqueue) return kqueue;
    auto added = add(kqueue->get(), static_cast<std::uintptr_t>(process), EVFILT_PROC, NOTE_EXIT);
    if (added) return kqueue;
    // Some kernels do not accept a process that has ended or is ending.
    if (added.error() != std::errc::no_such_process || !await_zombie(process))
        return std::unexpected(added.error());
    return open_ready();
}

Result<> check_process(RawHandle) noexcept { return std::unexpected(make_error_code(Errc::unsupported)); }

Result<std::optional<ExitStatus>> fetch_status(RawHandle, ::pid_t process) noexcept {
    int word = 0;
    const auto waited = ::waitpid(process, &word, WNOHANG);
    if (waited == -1) return std::unexpected(last_error());
    ExitStatus status;
    if (waited != 0 && WIFEXITED(word)) {
        status.code = static_cast<std::uint32_t>(WEXITSTATUS(word));
    } else if (waited != 0 && WIFSIGNALED(word)) {
        status.signal = Signal::from_number(WTERMSIG(word));
        status.dumped_core = WCOREDUMP(word);
    } else {
        return std::nullopt; // it runs, or a debugger has stopped it
    }
    return status;
}

// The ID of a child whose status has not been fetched is not reused.
Result<> send_signal(RawHandle, ::pid_t process, int number) noexcept {
    return check(::kill(process, number));
}

} // namespace mio::os
