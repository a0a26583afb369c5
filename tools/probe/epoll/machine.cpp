#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "doctor.hpp"
#include "shared.hpp"

namespace probe {

// Facilities, limits and checks of a system with epoll: Linux and Android.

namespace {

std::error_code last_error() { return {errno, mio::os_category()}; }

// For a call that returns a descriptor, which is closed again: its error, if any.
std::error_code closed_again(long handle) {
    if (handle == -1) return last_error();
    ::close(static_cast<int>(handle));
    return {};
}

// For a call on a socket without data: would-block proves that the call exists.
std::error_code would_block_or_works(long result) {
    if (result != -1 || errno == EAGAIN || errno == EWOULDBLOCK) return {};
    return last_error();
}

mio::OwnedHandle new_socket(int family, int type) {
    return mio::OwnedHandle(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

std::error_code try_epoll_pwait2() {
    const mio::OwnedHandle epoll(::epoll_create1(EPOLL_CLOEXEC));
    if (epoll.get() == -1) return last_error();
    ::epoll_event event{};
    // The kernel's own time structure has 64-bit members on every machine.
    const struct {
        long long seconds;
        long long nanoseconds;
    } no_time{};
    const auto result =
        ::syscall(SYS_epoll_pwait2, epoll.get(), &event, 1, &no_time, nullptr, std::size_t{0});
    return result == -1 ? last_error() : std::error_code();
}

std::error_code try_epollexclusive() {
    const mio::OwnedHandle epoll(::epoll_create1(EPOLL_CLOEXEC));
    const auto socket = new_socket(AF_UNIX, SOCK_STREAM);
    if (epoll.get() == -1 || socket.get() == -1) return last_error();
    ::epoll_event event{};
    event.events = EPOLLIN | EPOLLEXCLUSIVE;
    const int result = ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, socket.get(), &event);
    return result == -1 ? last_error() : std::error_code();
}

std::error_code try_busy_polling() {
    const mio::OwnedHandle epoll(::epoll_create1(EPOLL_CLOEXEC));
    if (epoll.get() == -1) return last_error();
    // EPIOCGPARAMS and its structure, younger than most headers. @see ioctl_eventpoll(2)
    struct {
        std::uint32_t microseconds;
        std::uint16_t budget;
        std::uint8_t prefer;
        std::uint8_t padding;
    } parameters{};
    constexpr unsigned long get_parameters = _IOR(0x8a, 0x02, decltype(parameters));
    return ::ioctl(epoll.get(), get_parameters, &parameters) == -1 ? last_error() : std::error_code();
}

std::error_code try_eventfd() { return closed_again(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

std::error_code try_timerfd() { return closed_again(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)); }

std::error_code try_signalfd() {
    ::sigset_t none;
    ::sigemptyset(&none);
    return closed_again(::signalfd(-1, &none, SFD_CLOEXEC));
}

std::error_code try_pidfd() { return closed_again(::syscall(SYS_pidfd_open, ::getpid(), 0)); }

std::error_code try_accept4() {
    const auto listener = new_socket(AF_INET, SOCK_STREAM);
    if (listener.get() == -1 || ::listen(listener.get(), 1) == -1) return last_error();
    return would_block_or_works(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

std::error_code try_recvmmsg() {
    const auto socket = new_socket(AF_INET, SOCK_DGRAM);
    if (socket.get() == -1) return last_error();
    ::mmsghdr message{};
    return would_block_or_works(::recvmmsg(socket.get(), &message, 1, MSG_DONTWAIT, nullptr));
}

std::error_code try_reuse_port() {
    const auto socket = new_socket(AF_INET, SOCK_STREAM);
    if (socket.get() == -1) return last_error();
    const int on = 1;
    const int result = ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    return result == -1 ? last_error() : std::error_code();
}

std::error_code try_abstract_address() {
    const auto socket = new_socket(AF_UNIX, SOCK_STREAM);
    if (socket.get() == -1) return last_error();
    // The name begins with a NUL and contains the process ID.
    const auto name = "mio-probe-" + std::to_string(::getpid());
    ::sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, name.data(), name.size());
    const auto length = static_cast<::socklen_t>(offsetof(::sockaddr_un, sun_path) + 1 + name.size());
    const int result = ::bind(socket.get(), reinterpret_cast<const ::sockaddr*>(&address), length);
    return result == -1 ? last_error() : std::error_code();
}

std::error_code try_quiet_writing() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == -1) return last_error();
    const mio::OwnedHandle reader(ends[0]);
    const mio::OwnedHandle writer(ends[1]);
    char byte = 0;
    const ::iovec buffer{&byte, 1};
    constexpr int no_signal = 0x100; // RWF_NOSIGNAL, younger than most headers. @see pwritev2(2)
    return ::pwritev2(writer.get(), &buffer, 1, -1, no_signal) == -1 ? last_error() : std::error_code();
}

std::error_code try_io_uring() {
    ::io_uring_params parameters{};
    return closed_again(::syscall(SYS_io_uring_setup, 1, &parameters));
}

Limit read_limit(std::string name, const char* path, std::string purpose) {
    errno = 0;
    std::ifstream file(path);
    std::string value;
    if (!std::getline(file, value)) return {std::move(name), "", std::move(purpose), last_error()};
    for (char& c : value) {
        if (c == '\t') c = ' ';
    }
    return {std::move(name), std::move(value), std::move(purpose), {}};
}

} // namespace

std::vector<Facility> facilities() {
    return {
        {"epoll_pwait2", "timeouts finer than a millisecond", try_epoll_pwait2()},
        {"EPOLLEXCLUSIVE", "one of several pollers wakes for a connection", try_epollexclusive()},
        {"epoll busy polling", "the network device asked while waiting; not used by the library",
         try_busy_polling()},
        {"eventfd", "what a waker is made of", try_eventfd()},
        {"timerfd", "timers as something to poll", try_timerfd()},
        {"signalfd", "signals as something to poll", try_signalfd()},
        {"pidfd", "the end of a process as something to poll", try_pidfd()},
        {"accept4", "accepted streams non-blocking in one call", try_accept4()},
        {"recvmmsg", "several datagrams in one call", try_recvmmsg()},
        {"RWF_NOSIGNAL", "pipes written to without SIGPIPE in one call", try_quiet_writing()},
        {"SO_REUSEPORT", "several listeners at one address", try_reuse_port()},
        {"IPv4 loopback", "127.0.0.1 can be connected to", try_loopback_v4()},
        {"IPv6 loopback", "::1 can be connected to", try_loopback_v6()},
        {"abstract Unix address", "Unix sockets without a file", try_abstract_address()},
        {"io_uring", "completions; not used by the library", try_io_uring()},
    };
}

std::vector<Limit> system_limits() {
    return {
        read_limit("open files, all processes", "/proc/sys/fs/file-max", "fs.file-max"),
        read_limit("open files at present", "/proc/sys/fs/file-nr", "fs.file-nr: in use, free, at most"),
        read_limit("watches of one user", "/proc/sys/fs/epoll/max_user_watches", "fs.epoll.max_user_watches"),
        read_limit("connections to accept", "/proc/sys/net/core/somaxconn",
                   "net.core.somaxconn, the cap of a listener's backlog"),
        read_limit("connections half open", "/proc/sys/net/ipv4/tcp_max_syn_backlog",
                   "net.ipv4.tcp_max_syn_backlog"),
        read_limit("ports for connecting", "/proc/sys/net/ipv4/ip_local_port_range",
                   "net.ipv4.ip_local_port_range"),
    };
}

namespace {

// Requirements of each of `facilities()`.
// @see the section "History" of each call's manual page
constexpr std::array needs{
    Need{"epoll_pwait2", {5, 11}, Verdict::warn, "timeouts are rounded up to whole milliseconds", ""},
    Need{"EPOLLEXCLUSIVE", {4, 5}, Verdict::note, "every poller wakes for each connection", ""},
    Need{"epoll busy polling",
         {6, 9},
         Verdict::note,
         "not used by the library",
         "a kernel with CONFIG_NET_RX_BUSY_POLL has it, if the sandbox allows it"},
    Need{"eventfd", {2, 6}, Verdict::fail, "no waker can be made", ""},
    Need{"timerfd", {2, 6}, Verdict::note, "no timers as something to poll", ""},
    Need{"signalfd", {2, 6}, Verdict::note, "no signals as something to poll", ""},
    Need{"pidfd", {5, 3}, Verdict::note, "no processes as something to poll", ""},
    Need{"accept4", {2, 6}, Verdict::fail, "no listener can accept", ""},
    Need{"recvmmsg", {2, 6}, Verdict::fail, "UdpSocket cannot receive many datagrams", ""},
    Need{"RWF_NOSIGNAL", {6, 18}, Verdict::note, "writing to a pipe costs more system calls", ""},
    Need{"SO_REUSEPORT", {3, 9}, Verdict::warn, "no two listeners at one address", ""},
    Need{"abstract Unix address", {}, Verdict::warn, "Unix sockets need a file", ""},
    Need{"io_uring",
         {5, 1},
         Verdict::note,
         "not used by the library",
         "if it is wanted: sysctl -w kernel.io_uring_disabled=0, and a sandbox that allows it"},
};

// For a facility of epoll: the library needs it only if it polls with epoll.
bool is_for(std::string_view facility, std::string_view backend) {
    return facility != "epoll_pwait2" || backend == "epoll";
}

Need requirement_of(std::string_view facility) {
    const auto found = std::ranges::find(needs, facility, &Need::facility);
    if (found == needs.end()) return {facility, {}, Verdict::note, "", ""};
    auto need = *found;
    if (!is_for(facility, mio::backend())) need.without = Verdict::note;
    return need;
}

// One of `system_limits()`.
const Limit& named(std::string_view name, const std::vector<Limit>& limits) {
    return *std::ranges::find(limits, name, &Limit::name);
}

Check timer_slack() {
    const int slack = ::prctl(PR_GET_TIMERSLACK);
    if (slack == -1) {
        return {"timer slack", Verdict::note, "not known", "see prctl(2)", {errno, mio::os_category()}};
    }
    return check_timer_slack(std::chrono::nanoseconds(slack));
}

} // namespace

std::vector<Check> system_checks() {
    const auto limits = system_limits();
    std::vector<Check> checks{
        check_open_files_of_all(named("open files at present", limits)),
        check_watches(named("watches of one user", limits)),
        check_backlog(named("connections to accept", limits)),
        check_ports(named("ports for connecting", limits)),
    };
    const auto kernel = parse_kernel(system().kernel);
    const auto loopback = loopback_interface();
    for (const auto& facility : facilities()) {
        checks.push_back(facility.name.ends_with(" loopback")
                             ? check_loopback(facility, loopback)
                             : check_facility(facility, requirement_of(facility.name), kernel));
    }
    checks.push_back(timer_slack());
    return checks;
}

} // namespace probe
