#include "errors.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/syscall.h>

namespace faults {
namespace {

template <int... errors> constexpr int list[] = {errors...};

// @see the manual page of each
constexpr Fallible table[] = {
    {write_eventfd, "write to an eventfd", list<EAGAIN, EACCES>},
    {create_kqueue, "kqueue", list<EMFILE, ENFILE, ENOMEM>},
    {add_filter, "kevent with EV_ADD", list<ENOMEM, EACCES>},
    {change_filters, "kevent with changes", list<EINTR>},
    {wait_for_events, "kevent", list<EINTR>},
    {SYS_accept4, "accept4", list<EMFILE, ENFILE, ENOBUFS, ENOMEM, ECONNABORTED, EINTR, EAGAIN, EPERM>},
    {SYS_bind, "bind", list<EADDRINUSE, EADDRNOTAVAIL, EACCES, ENOMEM>},
    {SYS_close, "close", list<EINTR, EIO>},
    {SYS_connect, "connect", list<ECONNREFUSED, ENETUNREACH, EADDRNOTAVAIL, EAGAIN, EINTR, EPERM, ETIMEDOUT>},
    {SYS_epoll_create1, "epoll_create1", list<EMFILE, ENFILE, ENOMEM>},
    {SYS_epoll_ctl, "epoll_ctl", list<ENOSPC, ENOMEM>},
    {SYS_epoll_pwait, "epoll_pwait", list<EINTR>},
    {SYS_epoll_pwait2, "epoll_pwait2", list<EINTR, ENOSYS, EPERM>},
    {SYS_eventfd2, "eventfd2", list<EMFILE, ENFILE, ENOMEM, ENODEV>},
    {SYS_fcntl, "fcntl", list<EPERM, EMFILE>},
    {SYS_flock, "flock", list<ENOLCK>},
    {SYS_fstat, "fstat", list<ENOMEM, EACCES>},
    {SYS_fsync, "fsync", list<EINTR, EIO, ENOSPC>},
    {SYS_ftruncate, "ftruncate", list<EINTR, EIO, EFBIG, EPERM>},
    {SYS_getpeername, "getpeername", list<ENOBUFS, ENOTCONN>},
    {SYS_getsockname, "getsockname", list<ENOBUFS>},
    {SYS_getsockopt, "getsockopt", list<ENOBUFS, ENOPROTOOPT>},
    {SYS_ioctl, "ioctl", list<EPERM, ENOTTY>},
    {SYS_listen, "listen", list<EADDRINUSE, EPERM>},
    {SYS_newfstatat, "newfstatat", list<EACCES, ENOMEM>},
    {SYS_openat, "openat", list<EMFILE, ENFILE, ENOENT, EACCES, ENOMEM, EINTR>},
    {SYS_pidfd_open, "pidfd_open", list<EMFILE, ENFILE, ENOMEM, ENOSYS>},
    {SYS_pidfd_send_signal, "pidfd_send_signal", list<EPERM>},
    {SYS_pipe2, "pipe2", list<EMFILE, ENFILE>},
    {SYS_ppoll, "ppoll", list<EINTR, ENOMEM>},
    {SYS_pread64, "pread64", list<EIO, EINTR>},
    {SYS_preadv2, "preadv2", list<EINTR, EAGAIN, EOPNOTSUPP, EIO>},
    {SYS_pwrite64, "pwrite64", list<ENOSPC, EIO, EDQUOT, EINTR>},
    {SYS_pwritev2, "pwritev2", list<EINTR, EAGAIN, EPIPE, EIO, ENOSYS>},
    {SYS_read, "read", list<EINTR, EAGAIN, EIO>},
    {SYS_readv, "readv", list<EINTR, EAGAIN, EIO>},
    {SYS_recvfrom, "recvfrom", list<EINTR, EAGAIN, ECONNRESET, ETIMEDOUT, ECONNREFUSED, ENOMEM>},
    {SYS_recvmmsg, "recvmmsg", list<EINTR, EAGAIN, ECONNREFUSED, ENOMEM>},
    {SYS_recvmsg, "recvmsg", list<EINTR, EAGAIN, ECONNRESET, ENOMEM>},
    {SYS_rt_sigtimedwait, "rt_sigtimedwait", list<EINTR, EPERM>},
    {SYS_sendfile, "sendfile", list<EINTR, EAGAIN, EIO, ENOMEM, EPIPE>},
    {SYS_sendmmsg, "sendmmsg", list<EINTR, EAGAIN, ENOBUFS, EPERM, EMSGSIZE>},
    {SYS_sendmsg, "sendmsg", list<EINTR, EAGAIN, ENOBUFS, EPIPE, ETOOMANYREFS>},
    {SYS_sendto, "sendto", list<EINTR, EAGAIN, EPIPE, ECONNRESET, ENOBUFS, EHOSTUNREACH>},
    {SYS_setsockopt, "setsockopt", list<ENOPROTOOPT, ENOBUFS, EPERM>},
    {SYS_shutdown, "shutdown", list<ENOTCONN>},
    {SYS_signalfd4, "signalfd4", list<EMFILE, ENFILE, ENOMEM>},
    {SYS_socket, "socket", list<EMFILE, ENFILE, ENOBUFS, ENOMEM, EACCES, EAFNOSUPPORT>},
    {SYS_socketpair, "socketpair", list<EMFILE, ENFILE, ENOMEM>},
    {SYS_splice, "splice", list<EINTR, EAGAIN, ENOMEM, EPIPE>},
    {SYS_timerfd_create, "timerfd_create", list<EMFILE, ENFILE, ENOMEM>},
    {SYS_timerfd_settime, "timerfd_settime", list<ENOMEM>},
    {SYS_unlinkat, "unlinkat", list<EBUSY, EACCES>},
    {SYS_waitid, "waitid", list<EINTR>},
    {SYS_write, "write", list<EINTR, EAGAIN, EPIPE, EIO, ENOSPC>},
    {SYS_writev, "writev", list<EINTR, EAGAIN, EPIPE, EIO>},
#if defined(__x86_64__) // the others have only newer calls
    {SYS_epoll_wait, "epoll_wait", list<EINTR>},
    {SYS_poll, "poll", list<EINTR, ENOMEM>},
    {SYS_open, "open", list<EMFILE, ENFILE, ENOENT, EACCES, ENOMEM, EINTR>},
    {SYS_unlink, "unlink", list<EBUSY, EACCES>},
#endif
};

} // namespace

std::span<const Fallible> fallible_calls() noexcept { return table; }

const Fallible* find_fallible(long number) noexcept {
    const auto* const found = std::ranges::find(table, number, &Fallible::number);
    return found == std::end(table) ? nullptr : found;
}

const char* name_of_error(int error) noexcept { return ::strerrorname_np(error); }

bool is_transient(int error) noexcept { return error == EINTR || error == EAGAIN; }

} // namespace faults
