// What a system with epoll may offer: Linux and Android.

module;

#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

module probe.info.system;

import mio;

namespace probe {
namespace {

std::error_code last_error() { return {errno, mio::os_category()}; }

// For a call that gives a descriptor: what became of it, the descriptor closed again.
std::error_code closed_again(long handle) {
    if (handle == -1) return last_error();
    ::close(static_cast<int>(handle));
    return {};
}

// For a call on a socket that has nothing to give: that it would block proves that it is there.
std::error_code would_block_or_works(long answer) {
    if (answer != -1 || errno == EAGAIN || errno == EWOULDBLOCK) return {};
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
    const auto answer =
        ::syscall(SYS_epoll_pwait2, epoll.get(), &event, 1, &no_time, nullptr, std::size_t{0});
    return answer == -1 ? last_error() : std::error_code();
}

std::error_code try_epollexclusive() {
    const mio::OwnedHandle epoll(::epoll_create1(EPOLL_CLOEXEC));
    const auto socket = new_socket(AF_UNIX, SOCK_STREAM);
    if (epoll.get() == -1 || socket.get() == -1) return last_error();
    ::epoll_event event{};
    event.events = EPOLLIN | EPOLLEXCLUSIVE;
    const int answer = ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, socket.get(), &event);
    return answer == -1 ? last_error() : std::error_code();
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
    const int answer = ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    return answer == -1 ? last_error() : std::error_code();
}

std::error_code try_ipv6() {
    const auto socket = new_socket(AF_INET6, SOCK_STREAM);
    if (socket.get() == -1) return last_error();
    ::sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_addr = IN6ADDR_LOOPBACK_INIT;
    const int answer = ::bind(socket.get(), reinterpret_cast<const ::sockaddr*>(&address), sizeof address);
    return answer == -1 ? last_error() : std::error_code();
}

std::error_code try_abstract_address() {
    const auto socket = new_socket(AF_UNIX, SOCK_STREAM);
    if (socket.get() == -1) return last_error();
    // The name begins with a NUL, and the process makes it its own.
    const auto name = "mio-probe-" + std::to_string(::getpid());
    ::sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, name.data(), name.size());
    const auto length = static_cast<::socklen_t>(offsetof(::sockaddr_un, sun_path) + 1 + name.size());
    const int answer = ::bind(socket.get(), reinterpret_cast<const ::sockaddr*>(&address), length);
    return answer == -1 ? last_error() : std::error_code();
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
        {"epoll_pwait2", "time-outs finer than a millisecond", try_epoll_pwait2()},
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
        {"IPv6 loopback", "::1 can be bound", try_ipv6()},
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

} // namespace probe
