// Facilities, limits and checks of a system with kqueue: macOS and the BSDs.

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/types.h>

#include <sys/event.h>
#include <sys/socket.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include "doctor.hpp"
#include "shared.hpp"

namespace probe {
namespace {

std::error_code last_error() { return {errno, mio::os_category()}; }

// For a facility that the system's headers do not declare.
[[maybe_unused]] std::error_code not_declared() {
    return std::make_error_code(std::errc::function_not_supported);
}

std::error_code error_of(int result) { return result == -1 ? last_error() : std::error_code(); }

mio::OwnedHandle new_kqueue() { return mio::OwnedHandle(::kqueue()); }

mio::OwnedHandle new_socket(int family, int type) { return mio::OwnedHandle(::socket(family, type, 0)); }

std::error_code try_kqueue() { return new_kqueue().get() == -1 ? last_error() : std::error_code(); }

// Adds a filter to a new kqueue.
[[maybe_unused]] std::error_code try_filter(std::uintptr_t ident, int filter, std::int64_t data) {
    const auto kqueue = new_kqueue();
    if (kqueue.get() == -1) return last_error();
    struct ::kevent change{};
    change.ident = ident;
    change.filter = static_cast<decltype(change.filter)>(filter);
    change.flags = EV_ADD;
    change.data = static_cast<decltype(change.data)>(data);
    return error_of(::kevent(kqueue.get(), &change, 1, nullptr, 0, nullptr));
}

std::error_code try_user_event() {
#if defined(EVFILT_USER)
    return try_filter(0, EVFILT_USER, 0);
#else
    return not_declared();
#endif
}

std::error_code try_timer() { return try_filter(0, EVFILT_TIMER, 1000); }

std::error_code try_signal() { return try_filter(SIGHUP, EVFILT_SIGNAL, 0); }

std::error_code try_process() {
    const auto kqueue = new_kqueue();
    if (kqueue.get() == -1) return last_error();
    struct ::kevent change{};
    change.ident = static_cast<std::uintptr_t>(::getpid());
    change.filter = EVFILT_PROC;
    change.flags = EV_ADD;
    change.fflags = NOTE_EXIT;
    return error_of(::kevent(kqueue.get(), &change, 1, nullptr, 0, nullptr));
}

// Registering one needs a request in progress, so that only its declaration is known.
std::error_code find_list_io() {
#if defined(EVFILT_LIO)
    return {};
#else
    return not_declared();
#endif
}

std::error_code try_accept4() {
#if defined(SOCK_NONBLOCK)
    const mio::OwnedHandle listener(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (listener.get() == -1 || ::listen(listener.get(), 1) == -1) return last_error();
    const mio::OwnedHandle accepted(
        ::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    return accepted.get() != -1 || errno == EAGAIN ? std::error_code() : last_error();
#else
    return not_declared();
#endif
}

std::error_code try_option(int option) {
    const auto socket = new_socket(AF_INET, SOCK_STREAM);
    if (socket.get() == -1) return last_error();
    const int on = 1;
    return error_of(::setsockopt(socket.get(), SOL_SOCKET, option, &on, sizeof on));
}

std::error_code try_reuse_port() { return try_option(SO_REUSEPORT); }

std::error_code try_shared_port() {
#if defined(SO_REUSEPORT_LB)
    return try_option(SO_REUSEPORT_LB);
#else
    return not_declared();
#endif
}

// Values of sysctl(3): by number on OpenBSD, which has no names for them in programs, and by name elsewhere.
struct Key {
    std::string_view name;
#if defined(__OpenBSD__)
    std::array<int, 4> path{};
    unsigned length = 2;
#endif
};

#if defined(__OpenBSD__)
constexpr Key max_files{"kern.maxfiles", {CTL_KERN, KERN_MAXFILES}};
constexpr Key open_files{"kern.nfiles", {CTL_KERN, KERN_NFILES}};
constexpr Key backlog{"kern.somaxconn", {CTL_KERN, KERN_SOMAXCONN}};
constexpr Key first_port{"net.inet.ip.portfirst", {CTL_NET, PF_INET, IPPROTO_IP, IPCTL_IPPORT_FIRSTAUTO}, 4};
constexpr Key last_port{"net.inet.ip.portlast", {CTL_NET, PF_INET, IPPROTO_IP, IPCTL_IPPORT_LASTAUTO}, 4};
#elif defined(__NetBSD__)
constexpr Key max_files{"kern.maxfiles"};
constexpr Key open_files{}; // unknown
constexpr Key backlog{"kern.somaxconn"};
constexpr Key first_port{"net.inet.ip.anonportmin"};
constexpr Key last_port{"net.inet.ip.anonportmax"};
#else
constexpr Key max_files{"kern.maxfiles"};
#if defined(__APPLE__)
constexpr Key open_files{"kern.num_files"};
#else
constexpr Key open_files{"kern.openfiles"};
#endif
constexpr Key backlog{"kern.ipc.somaxconn"};
constexpr Key first_port{"net.inet.ip.portrange.first"};
constexpr Key last_port{"net.inet.ip.portrange.last"};
#endif

int read_value(const Key& key, void* value, std::size_t* size) {
#if defined(__OpenBSD__)
    auto path = key.path;
    return ::sysctl(path.data(), key.length, value, size, nullptr, 0);
#else
    return ::sysctlbyname(std::string(key.name).c_str(), value, size, nullptr, 0);
#endif
}

mio::Result<std::uint64_t> value_of(const Key& key) {
    union {
        std::int32_t narrow;
        std::int64_t wide;
    } value{.wide = 0};
    std::size_t size = sizeof value;
    if (read_value(key, &value, &size) == -1) return std::unexpected(last_error());
    return static_cast<std::uint64_t>(size == sizeof value.narrow ? value.narrow : value.wide);
}

Limit limit_of(std::string name, std::initializer_list<Key> keys, const std::string& meaning) {
    Limit limit{std::move(name), "", "", {}};
    for (const auto& key : keys) {
        limit.purpose += (limit.purpose.empty() ? "" : ", ") + std::string(key.name);
        const auto value = value_of(key);
        if (!value) {
            limit.error = value.error();
        } else {
            limit.value += (limit.value.empty() ? "" : " ") + std::to_string(*value);
        }
    }
    if (limit.error) limit.value.clear();
    limit.purpose += meaning;
    return limit;
}

constexpr std::array needs{
    Need{"kqueue", {}, Verdict::fail, "nothing can be waited for", ""},
    Need{"EVFILT_USER", {}, Verdict::note, "a waker is a pipe", "not every system has it"},
    Need{"EVFILT_TIMER", {}, Verdict::note, "no timers as something to poll", ""},
    Need{"EVFILT_SIGNAL", {}, Verdict::note, "no signals as something to poll", ""},
    Need{"EVFILT_PROC", {}, Verdict::note, "no processes as something to poll", ""},
    Need{"EVFILT_LIO", {}, Verdict::note, "no list I/O as something to poll", "FreeBSD alone has it"},
    Need{"accept4", {}, Verdict::note, "accepting costs more system calls", "not every system has it"},
    Need{"SO_REUSEPORT", {}, Verdict::warn, "no two listeners at one address", ""},
    Need{"SO_REUSEPORT_LB",
         {},
         Verdict::note,
         "listeners at one address do not share its connections",
         "FreeBSD and DragonFly have it, or the like"},
};

Need requirement_of(std::string_view facility) {
    const auto* const found = std::ranges::find(needs, facility, &Need::facility);
    return found == needs.end() ? Need{facility, {}, Verdict::note, "", ""} : *found;
}

} // namespace

std::vector<Facility> facilities() {
    return {
        {"kqueue", "the mechanism that a poll waits on", try_kqueue()},
        {"EVFILT_USER", "a waker without a descriptor of its own", try_user_event()},
        {"EVFILT_TIMER", "timers as something to poll", try_timer()},
        {"EVFILT_SIGNAL", "signals as something to poll", try_signal()},
        {"EVFILT_PROC", "the end of a process as something to poll", try_process()},
        {"EVFILT_LIO", "list I/O as something to poll", find_list_io()},
        {"accept4", "accepted streams non-blocking in one call", try_accept4()},
        {"SO_REUSEPORT", "several listeners at one address", try_reuse_port()},
        {"SO_REUSEPORT_LB", "several listeners that share the connections to one address", try_shared_port()},
        {"IPv4 loopback", "127.0.0.1 can be connected to", try_loopback_v4()},
        {"IPv6 loopback", "::1 can be connected to", try_loopback_v6()},
    };
}

std::vector<Limit> system_limits() {
    std::vector<Limit> limits{
        limit_of("open files, all processes", {max_files}, ""),
        limit_of("connections to accept", {backlog}, ", the cap of a listener's backlog"),
        limit_of("ports for connecting", {first_port, last_port}, ""),
    };
    if (!open_files.name.empty()) {
        limits.insert(limits.begin() + 1, limit_of("open files at present", {open_files}, ""));
    }
    return limits;
}

namespace {

constexpr LoopbackRemedies remedies{.set_up = "ifconfig lo0 up",
                                    .assign_v4 = "ifconfig lo0 127.0.0.1/8",
                                    .assign_v6 = "if it is wanted: ifconfig lo0 inet6 ::1",
                                    .see_filter = "pfctl -s rules, or ipfw list",
                                    .see_routes = "ifconfig lo0, netstat -rn"};

} // namespace

std::vector<Check> system_checks() {
    std::vector<Check> checks;
    const auto used = open_files.name.empty() ? mio::Result<std::uint64_t>(0) : value_of(open_files);
    const auto most = value_of(max_files);
    Limit files{"open files", "", std::string(max_files.name), most ? std::error_code() : most.error()};
    if (!used) files.error = used.error();
    // In use, free, at most.
    if (used && most) files.value = std::to_string(*used) + " 0 " + std::to_string(*most);
    checks.push_back(check_open_files_of_all(files, "sysctl " + std::string(max_files.name)));
    checks.push_back(check_backlog(limit_of("connections to accept", {backlog}, ""),
                                   "sysctl " + std::string(backlog.name) + "=4096"));
    checks.push_back(check_ports(limit_of("ports for connecting", {first_port, last_port}, ""),
                                 "sysctl " + std::string(first_port.name) + "=32768"));
    const auto loopback = loopback_interface();
    for (const auto& facility : facilities()) {
        checks.push_back(facility.name.ends_with(" loopback")
                             ? check_loopback(facility, loopback, remedies)
                             : check_facility(facility, requirement_of(facility.name), std::nullopt));
    }
    return checks;
}

} // namespace probe
