// The checks of `mio-probe doctor`: rules that turn a value into a verdict, and the functions that collect them.

#pragma once

#include "machine.hpp"

namespace probe {

/// What is to be thought of something, the worst last.
enum class Verdict {
    ok,   ///< as it should be
    note, ///< worth knowing, and nothing that is wrong
    warn, ///< works, and will not do under load or costs more than it should
    fail, ///< a part of the library cannot work
};

/// "ok", "note", "warn" or "fail".
std::string_view name_of(Verdict verdict) noexcept;

/// One thing that was looked at.
struct Check {
    std::string name;
    Verdict verdict = Verdict::ok;
    std::string finding;
    std::string advice;    ///< what to do, or what follows; empty if all is well
    std::error_code error; ///< why, if the OS refused something
};

/// The worst verdict; `ok` if there is none.
Verdict worst_of(std::span<const Check> checks) noexcept;

/// A Linux release: 6.18 is {6, 18}. The names are those of its makefile.
struct KernelVersion {
    int version = 0;
    int patch_level = 0;

    friend auto operator<=>(const KernelVersion&, const KernelVersion&) = default;
};

/// Reads "6.18.44-generic". Nothing if that is no version.
std::optional<KernelVersion> parse_kernel(std::string_view release);

/// What a facility needs, and what it is to the library.
struct Need {
    std::string_view facility;       ///< its name among `facilities()`
    KernelVersion since;             ///< the release that brought it; {} if every one has it
    Verdict without = Verdict::note; ///< what its absence is
    std::string_view consequence;    ///< what its absence means
    std::string_view cure; ///< what helps if the kernel is new enough; usually a sandbox has to allow it
};

/// A facility that was tried on `kernel`.
Check check_facility(const Facility& facility, const Need& need, std::optional<KernelVersion> kernel);

/// The value of a limit that there is not.
inline constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

/// How many descriptors a process may have, and how far it may raise that.
Check check_open_files(std::uint64_t soft, std::uint64_t hard);

/// The numbers of fs.file-nr: "1632 0 2466170" is in use, free, at most.
Check check_open_files_of_all(const Limit& limit);

/// net.core.somaxconn.
Check check_backlog(const Limit& limit);

/// fs.epoll.max_user_watches.
Check check_watches(const Limit& limit);

/// net.ipv4.ip_local_port_range: "32768 60999".
Check check_ports(const Limit& limit);

/// How much later than asked a wait of this thread may end, as PR_GET_TIMERSLACK says.
Check check_timer_slack(std::chrono::nanoseconds slack);

/// How late waits did end.
Check check_time_outs(const TimerResolution& timer);

/// Whether the program was started with SIGPIPE ignored.
Check check_broken_pipes(bool ignored);

/// What the process was started with. Written once for each OS family.
std::vector<Check> process_checks();

/// What the system offers and limits. Written once for each kind of system.
std::vector<Check> system_checks();

} // namespace probe
