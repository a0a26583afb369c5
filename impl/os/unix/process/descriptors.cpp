// signalfd and pidfd: Linux.

module;

#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

module mio.os.process;

import mio.core.error;
import mio.core.handle;
import mio.core.process;
import mio.os;
import mio.std;

namespace mio::os {
namespace {

// Since Linux 5.4; older headers lack it.
constexpr auto by_pidfd = static_cast<::idtype_t>(3);

Result<bool> has_ended(RawHandle process, ::siginfo_t& info, int options) noexcept {
    info.si_pid = 0;
    auto waited = check(::waitid(by_pidfd, static_cast<::id_t>(process), &info, WEXITED | WNOHANG | options));
    if (!waited) return std::unexpected(waited.error());
    return info.si_pid != 0;
}

} // namespace

const bool are_inherited = true;

Result<OwnedHandle> open_signals(const ::sigset_t& set) noexcept {
    return check_handle(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
}

Result<SignalInfo> take_signal(RawHandle signals) noexcept {
    ::signalfd_siginfo record;
    if (auto count = check_count(::read(signals, &record, sizeof record)); !count)
        return std::unexpected(count.error());
    const auto signal = Signal::from_number(static_cast<int>(record.ssi_signo));
    // The kernel's own signals have a positive code and no sender, except those about a child.
    if (record.ssi_pid == 0 || (record.ssi_code > 0 && signal != Signal::child))
        return SignalInfo{signal, std::nullopt};
    return SignalInfo{signal, std::int64_t{record.ssi_pid}};
}

// Close-on-exec without a flag.
Result<OwnedHandle> open_process(::pid_t process) noexcept {
    return check_handle(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
}

Result<> check_process(RawHandle handle) noexcept {
    ::siginfo_t info;
    const auto ended = has_ended(handle, info, WNOWAIT);
    if (ended || ended.error() == std::errc::no_child_process) return {};
    return std::unexpected(ended.error());
}

Result<std::optional<ExitStatus>> fetch_status(RawHandle handle, ::pid_t) noexcept {
    ::siginfo_t info;
    const auto ended = has_ended(handle, info, 0);
    if (!ended) return std::unexpected(ended.error());
    if (!*ended) return std::nullopt;
    ExitStatus status;
    if (info.si_code == CLD_EXITED) {
        status.code = static_cast<std::uint32_t>(info.si_status);
    } else {
        status.signal = Signal::from_number(info.si_status);
        status.dumped_core = info.si_code == CLD_DUMPED;
    }
    return status;
}

Result<> send_signal(RawHandle handle, ::pid_t, int number) noexcept {
    return check(static_cast<int>(::syscall(SYS_pidfd_send_signal, handle, number, nullptr, 0)));
}

} // namespace mio::os
