// The checks of `mio-probe doctor`: rules that turn a value into a verdict, and the functions that collect them.

#pragma once

#include "machine.hpp"

namespace probe {

/// Result of a check, the worst last.
enum class Verdict {
    ok,   ///< as it should be
    note, ///< worth knowing, but not wrong
    warn, ///< works, but fails under load or costs more than it should
    fail, ///< a part of the library cannot work
};

/// "ok", "note", "warn" or "fail".
std::string_view name_of(Verdict verdict) noexcept;

/// One check and its result.
struct Check {
    std::string name;
    Verdict verdict = Verdict::ok;
    std::string finding;
    std::string advice;    ///< remedy or consequence; empty if `ok`
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

/// Requirements of a facility, and its importance to the library.
struct Need {
    std::string_view facility;       ///< its name among `facilities()`
    KernelVersion since;             ///< the first release that has it; {} if every one has it
    Verdict without = Verdict::note; ///< the verdict if it is absent
    std::string_view consequence;    ///< what its absence means
    std::string_view cure; ///< remedy on a kernel that is new enough; default: allow it in the sandbox
};

/// Judges a facility that was tried on `kernel`.
Check check_facility(const Facility& facility, const Need& need, std::optional<KernelVersion> kernel);

/// Remedies for a loopback that does not work; the default is those of Linux.
struct LoopbackRemedies {
    std::string_view set_up = "ip link set lo up";
    std::string_view assign_v4 = "ip addr add 127.0.0.1/8 dev lo";
    std::string_view assign_v6 =
        "if it is wanted: sysctl -w net.ipv6.conf.lo.disable_ipv6=0, and a container with IPv6";
    std::string_view see_filter = "nft list ruleset, iptables -L";
    std::string_view see_routes = "ip addr show lo, ip route show table local";
};

/// One of the facilities "IPv4 loopback" and "IPv6 loopback".
Check check_loopback(const Facility& facility, const std::optional<LoopbackInterface>& loopback,
                     const LoopbackRemedies& remedies = {});

/// Value of a limit that does not exist.
inline constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

/// The limit of descriptors of a process, and the limit to which it may raise that.
Check check_open_files(std::uint64_t soft, std::uint64_t hard);

// `setting` is what an administrator changes; the default is that of Linux.

/// The numbers of fs.file-nr: "1632 0 2466170" is in use, free, at most.
Check check_open_files_of_all(const Limit& limit, std::string_view setting = "sysctl -w fs.file-max");

/// net.core.somaxconn.
Check check_backlog(const Limit& limit, std::string_view setting = "sysctl -w net.core.somaxconn=4096");

/// fs.epoll.max_user_watches.
Check check_watches(const Limit& limit);

/// net.ipv4.ip_local_port_range: "32768 60999".
Check check_ports(const Limit& limit,
                  std::string_view setting = "sysctl -w net.ipv4.ip_local_port_range='32768 60999'");

/// Maximum delay that the kernel may add to a wait of this thread (PR_GET_TIMERSLACK).
Check check_timer_slack(std::chrono::nanoseconds slack);

/// Measured delay of waits.
Check check_timeouts(const TimerResolution& timer);

/// Whether the program was started with SIGPIPE ignored.
Check check_broken_pipes(bool ignored);

/// Checks of the process's environment. Implemented per OS family.
std::vector<Check> process_checks();

/// Checks of the system's facilities and limits. Implemented per kind of system.
std::vector<Check> system_checks();

} // namespace probe
