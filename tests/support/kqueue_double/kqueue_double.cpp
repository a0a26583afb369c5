// kqueue(2) emulated on Linux for tests; README.md lists what is emulated.
//
// The kernel side is an epoll instance in edge mode: an edge there corresponds to waking a filter in a kqueue
// kernel. The rest follows FreeBSD. A filter that is woken becomes active and enters its kqueue's queue; when the
// program retrieves events, each filter in the queue is run again (here: checked with poll(2)), leaves the queue if
// its condition no longer holds, and is reported if it does.
//
// Read and write filters need separate edges, so there are two epoll instances: the kqueue's descriptor is the one
// for reading, and contains the one for writing and an eventfd, the bell, which is readable while the queue has
// entries. Thus the kqueue's descriptor is readable, for poll(2) or another selector, while there is an event to
// retrieve.
#include "sys/event.h"

#include "kqueue_double.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <list>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

// The intercepted calls: a sanitizer's if it has one, otherwise the C library's or the kernel's.
extern "C" {
[[gnu::weak]] int __interceptor_close(int);
[[gnu::weak]] int __interceptor_dup(int);
[[gnu::weak]] int __interceptor_dup2(int, int);
[[gnu::weak]] int __interceptor_dup3(int, int, int);
[[gnu::weak]] int __interceptor_fcntl(int, int, ...);
int __close(int);
int __fcntl(int, int, ...);
}

namespace {

int real_close(int fd) { return __interceptor_close != nullptr ? __interceptor_close(fd) : __close(fd); }
int real_fcntl(int fd, int command, void* argument) {
    return __interceptor_fcntl != nullptr ? __interceptor_fcntl(fd, command, argument)
                                          : __fcntl(fd, command, argument);
}
int real_dup(int fd) {
    return __interceptor_dup != nullptr ? __interceptor_dup(fd) : static_cast<int>(::syscall(SYS_dup, fd));
}
int real_dup2(int from, int to) {
    // dup2 of a descriptor to itself has no dup3 equivalent.
    if (__interceptor_dup2 != nullptr) return __interceptor_dup2(from, to);
    if (from == to) return ::fcntl(from, F_GETFD) < 0 ? -1 : to;
    return static_cast<int>(::syscall(SYS_dup3, from, to, 0));
}
int real_dup3(int from, int to, int flags) {
    return __interceptor_dup3 != nullptr ? __interceptor_dup3(from, to, flags)
                                         : static_cast<int>(::syscall(SYS_dup3, from, to, flags));
}

enum class Kind { socket, pipe, file, always_ready, other, user, signal, process };

/// One (ident, filter) pair of a kqueue.
struct Knote {
    struct kevent registered; ///< fflags and data as the program passed them
    std::uint32_t serial;     ///< distinguishes its epoll records from a predecessor's
    Kind kind;
    bool connection_oriented = false, tcp = false, local_stream = false;
    bool is_mute = false;          ///< the wrong end of a pipe: accepted, but never reported
    bool dies_with_reader = false; ///< the writing end of a pipe that is not a fifo
    /// For a file: epoll rejects files, so this detects that the number was reused.
    dev_t device = 0;
    ino_t inode = 0;
    bool disabled = false, active = false, queued = false;
    bool triggered = false;                     ///< EVFILT_USER, EVFILT_SIGNAL
    int watcher = -1;                           ///< EVFILT_SIGNAL, EVFILT_PROC: a signalfd or pidfd
    Knote *before = nullptr, *behind = nullptr; ///< in the queue
};

using Key = std::pair<short, std::uintptr_t>;

struct Kqueue {
    std::vector<int> numbers; ///< its descriptors, including duplicates
    int writers = -1;         ///< the epoll instance for EVFILT_WRITE
    int bell = -1;
    bool ringing = false;
    int waiters = 0;
    std::map<Key, Knote> knotes;
    Knote *first = nullptr, *last = nullptr;
    std::size_t length = 0;
};

/// Protects everything below and every Kqueue. Not held while a thread waits for events.
std::mutex mutex;

thread_local int depth = 0; // of this thread's SystemCall objects

/// Locks the mutex and blocks signals: on BSD these are system calls, which a handler cannot interrupt except while
/// they wait, and the handler may make the same call.
class SystemCall {
  public:
    SystemCall() {
        ++depth;
        ::sigset_t all;
        ::sigfillset(&all);
        ::sigdelset(&all, SIGSYS); // sent by a seccomp filter for a call of this thread; fatal if blocked
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
        mutex.lock();
    }
    SystemCall(const SystemCall&) = delete;
    SystemCall& operator=(const SystemCall&) = delete;
    ~SystemCall() {
        mutex.unlock();
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
        --depth;
    }

    /// Waits until `fd` is readable, with signals unblocked and the mutex released. Returns 0 or an error number.
    int wait(int fd, const ::timespec* timeout) {
        mutex.unlock();
        ::pollfd record{.fd = fd, .events = POLLIN, .revents = 0};
        const int error = ::ppoll(&record, 1, timeout, &before_) < 0 ? errno : 0;
        mutex.lock();
        return error;
    }

  private:
    ::sigset_t before_;
};
/// Never destroyed: a static object of the program may close its kqueue after this file's statics are destroyed.
std::list<Kqueue>& kqueues() {
    static auto& all = *new std::list<Kqueue>;
    return all;
}
std::uint32_t last_serial = 0;

/// State of a descriptor that close and dup read before they lock the mutex.
enum Mark : unsigned char { is_kqueue = 1, is_watched = 2 };
std::array<std::atomic<unsigned char>, 1u << 16> marks;

bool is_marked(int fd, unsigned char which) {
    if (fd < 0) return false;
    const auto i = static_cast<std::size_t>(fd);
    return i >= marks.size() || (marks[i].load(std::memory_order_acquire) & which) != 0;
}
void mark(int fd, Mark which) {
    const auto i = static_cast<std::size_t>(fd);
    if (i < marks.size()) marks[i].fetch_or(which, std::memory_order_release);
}
void unmark(int fd) {
    const auto i = static_cast<std::size_t>(fd);
    if (i < marks.size()) marks[i].store(0, std::memory_order_release);
}

int fail(int error) {
    errno = error;
    return -1;
}

/// The error with which a test makes this call or change fail, or 0.
int injected(kqueue_double_point point) {
    return kqueue_double_fault != nullptr ? kqueue_double_fault(point) : 0;
}

Kqueue* find_kqueue(int fd) {
    if (!is_marked(fd, is_kqueue)) return nullptr;
    for (auto& q : kqueues()) {
        if (std::ranges::find(q.numbers, fd) != q.numbers.end()) return &q;
    }
    return nullptr;
}

// Queue.

void update_bell(Kqueue& q) {
    if (q.ringing == (q.length > 0)) return;
    q.ringing = !q.ringing;
    if (q.ringing) {
        ::eventfd_write(q.bell, 1);
    } else {
        ::eventfd_t count;
        ::eventfd_read(q.bell, &count);
    }
}

void enqueue(Kqueue& q, Knote& k) {
    k.queued = true;
    k.before = std::exchange(q.last, &k);
    (k.before != nullptr ? k.before->behind : q.first) = &k;
    ++q.length;
}

void dequeue(Kqueue& q, Knote& k) {
    if (!k.queued) return;
    k.queued = false;
    (k.before != nullptr ? k.before->behind : q.first) = k.behind;
    (k.behind != nullptr ? k.behind->before : q.last) = k.before;
    k.before = k.behind = nullptr;
    --q.length;
}

void activate(Kqueue& q, Knote& k) {
    k.active = true;
    if (!k.disabled && !k.queued) enqueue(q, k);
}

// Kernel side.

bool has_descriptor(short filter) { return filter == EVFILT_READ || filter == EVFILT_WRITE; }

int epoll_for(const Kqueue& q, short filter) {
    return filter == EVFILT_WRITE ? q.writers : q.numbers.front();
}

/// Adds or rearms the epoll registration that wakes the filter. Returns 0 or an errno.
int arm(const Kqueue& q, const Knote& k, int operation) {
    ::epoll_event e{};
    e.events = EPOLLET | (k.registered.filter == EVFILT_WRITE ? EPOLLOUT : EPOLLIN | EPOLLRDHUP);
    e.data.u64 = std::uint64_t{k.serial} << 32 | k.registered.ident;
    const auto fd = k.watcher != -1 ? k.watcher : static_cast<int>(k.registered.ident);
    return ::epoll_ctl(epoll_for(q, k.registered.filter), operation, fd, &e) == 0 ? 0 : errno;
}

/// Moves edges that the kernel has detected into the queue.
void collect_from(Kqueue& q, short filter) {
    std::array<::epoll_event, 64> records;
    int n;
    do {
        n = ::epoll_wait(epoll_for(q, filter), records.data(), static_cast<int>(records.size()), 0);
        for (int i = 0; i < n; ++i) {
            const auto word = records[static_cast<std::size_t>(i)].data.u64;
            // Serial 0 denotes the bell and the write instance.
            for (const auto each : {filter, short{EVFILT_SIGNAL}, short{EVFILT_PROC}}) {
                const auto found = q.knotes.find({each, word & 0xffff'ffffu});
                if (found == q.knotes.end() || found->second.serial != word >> 32) continue;
                auto& k = found->second;
                if (k.kind == Kind::signal) k.triggered = true;
                activate(q, k);
            }
        }
    } while (n == static_cast<int>(records.size()));
}
void collect(Kqueue& q) {
    collect_from(q, EVFILT_READ);
    collect_from(q, EVFILT_WRITE);
}

void close_watcher(const Knote& k) {
    if (k.watcher != -1) real_close(k.watcher);
}

/// Deletes a knote. Returns ENOENT if epoll does not know it: its descriptor was closed unseen.
int drop(Kqueue& q, std::map<Key, Knote>::iterator at) {
    auto& k = at->second;
    int error = 0;
    if (has_descriptor(k.registered.filter) && k.kind != Kind::file && k.kind != Kind::always_ready) {
        error = arm(q, k, EPOLL_CTL_DEL);
    }
    close_watcher(k);
    dequeue(q, k);
    q.knotes.erase(at);
    return error;
}

// Filters.

template <class T> T socket_option(int fd, int level, int name) {
    T value{};
    socklen_t length = sizeof value;
    return ::getsockopt(fd, level, name, &value, &length) == 0 ? value : T{};
}

std::int64_t bytes_readable(int fd) {
    int n = 0;
    return ::ioctl(fd, FIONREAD, &n) == 0 ? n : 0;
}

std::int64_t send_space(int fd) {
    int unsent = 0;
    if (::ioctl(fd, SIOCOUTQ, &unsent) != 0) unsent = 0;
    return std::max(1, socket_option<int>(fd, SOL_SOCKET, SO_SNDBUF) - unsent);
}

std::int64_t pipe_space(int fd) {
    return std::max<std::int64_t>(1, ::fcntl(fd, F_GETPIPE_SZ) - bytes_readable(fd));
}

/// Guesses the error that SO_ERROR holds, since reading it would clear it. TCP sets tcpi_rcv_space when the
/// handshake is done; without it, connect has failed.
unsigned pending_error(const Knote& k, int fd, short found) {
    if ((found & POLLERR) == 0) return 0;
    if (k.tcp && socket_option<::tcp_info>(fd, IPPROTO_TCP, TCP_INFO).tcpi_rcv_space == 0)
        return ECONNREFUSED;
    return ECONNRESET;
}

/// Whether this side was shut down for writing, which poll(2) does not report separately.
bool is_write_shut_down(const Knote& k, int fd) {
    if (k.tcp) {
        // TCP_CLOSE here is a socket that was never connected; a connected one hangs up in both directions.
        const auto state = socket_option<::tcp_info>(fd, IPPROTO_TCP, TCP_INFO).tcpi_state;
        return state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2 || state == TCP_CLOSING
               || state == TCP_LAST_ACK || state == TCP_TIME_WAIT;
    }
    // Sends nothing, but a local stream first checks whether it could send.
    return k.local_stream && ::send(fd, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EPIPE;
}

bool run_socket_filter(const Knote& k, int fd, short found, struct kevent& e) {
    const bool reading = e.filter == EVFILT_READ;
    if (reading && k.connection_oriented && socket_option<int>(fd, SOL_SOCKET, SO_ACCEPTCONN) != 0) {
        e.data = 1;
        return (found & POLLIN) != 0;
    }
    e.data = reading ? bytes_readable(fd) : send_space(fd);
    const bool read_closed = (found & POLLRDHUP) != 0, hung_up = (found & POLLHUP) != 0;
    const bool gone = read_closed && hung_up;
    if (reading ? read_closed : gone || ((found & POLLERR) == 0 && is_write_shut_down(k, fd))) {
        e.flags |= EV_EOF;
        e.fflags = pending_error(k, fd, found);
        return true;
    }
    if ((found & POLLERR) != 0) return true;
    // Linux reports a hang-up for a socket that was never connected; a kqueue does not.
    if (k.connection_oriented && hung_up) return false;
    if ((k.registered.fflags & NOTE_LOWAT) != 0 && e.data < k.registered.data) return false;
    return (found & (reading ? POLLIN : POLLOUT)) != 0;
}

bool run_file_filter(const Knote& k, int fd, struct kevent& e) {
    struct stat about;
    if (::fstat(fd, &about) != 0 || about.st_dev != k.device || about.st_ino != k.inode) return false;
    e.data = about.st_size - ::lseek(fd, 0, SEEK_CUR);
    return e.data != 0 || (k.registered.fflags & NOTE_FILE_POLL) != 0;
}

/// Whether the filter's condition holds now, and if so the event to report.
bool run_filter(const Knote& k, struct kevent& e) {
    if (k.is_mute) return false;
    e = k.registered;
    if (k.kind == Kind::user) return k.triggered;
    e.fflags = 0;
    e.data = 0;
    if (k.kind == Kind::signal) {
        e.data = 1;
        return k.triggered;
    }
    if (k.kind == Kind::process) {
        ::pollfd asked{.fd = k.watcher, .events = POLLIN, .revents = 0};
        if (::poll(&asked, 1, 0) <= 0) return false;
        e.fflags = NOTE_EXIT;
        e.flags |= EV_EOF | EV_ONESHOT;
        return true;
    }
    const auto fd = static_cast<int>(e.ident);
    if (k.kind == Kind::file) return run_file_filter(k, fd, e);

    const bool reading = e.filter == EVFILT_READ;
    ::pollfd asked{
        .fd = fd, .events = static_cast<short>((reading ? POLLIN : POLLOUT) | POLLRDHUP), .revents = 0};
    if (::poll(&asked, 1, 0) < 0 || (asked.revents & POLLNVAL) != 0) return false;
    const auto found = asked.revents;
    if (k.kind == Kind::socket) return run_socket_filter(k, fd, found, e);
    if ((found & POLLHUP) != 0 || (k.kind == Kind::pipe && (found & POLLERR) != 0)) e.flags |= EV_EOF;
    if (k.kind == Kind::pipe) {
        e.data = reading ? bytes_readable(fd) : pipe_space(fd);
    } else {
        e.data = std::max<std::int64_t>(1, reading ? bytes_readable(fd) : 1);
    }
    return found != 0;
}

// Changes.

void look_at(Knote& k, int fd, const struct stat& about) {
    if (S_ISSOCK(about.st_mode)) {
        k.kind = Kind::socket;
        const auto type = socket_option<int>(fd, SOL_SOCKET, SO_TYPE);
        k.connection_oriented = type == SOCK_STREAM || type == SOCK_SEQPACKET;
        k.tcp = type == SOCK_STREAM && socket_option<int>(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP;
        k.local_stream = type == SOCK_STREAM && socket_option<int>(fd, SOL_SOCKET, SO_DOMAIN) == AF_UNIX;
    } else if (S_ISFIFO(about.st_mode)) {
        k.kind = Kind::pipe;
    } else {
        k.kind = Kind::other;
    }
    k.device = about.st_dev;
    k.inode = about.st_ino;
}

/// FreeBSD's treatment of the ends of a pipe. Returns 0 or an errno.
int check_pipe(Knote& k, int fd) {
    const bool reading = k.registered.filter == EVFILT_READ;
    k.is_mute = (::fcntl(fd, F_GETFL) & O_ACCMODE) == (reading ? O_WRONLY : O_RDONLY);
    if (reading || k.is_mute) return 0;
    // Adding EVFILT_WRITE to a pipe without reader fails; a fifo may get another reader.
    struct statfs where;
    ::pollfd asked{.fd = fd, .events = POLLOUT, .revents = 0};
    const bool is_anonymous = ::fstatfs(fd, &where) == 0 && where.f_type == PIPEFS_MAGIC;
    k.dies_with_reader = is_anonymous;
    return is_anonymous && ::poll(&asked, 1, 0) > 0 && (asked.revents & POLLERR) != 0 ? EPIPE : 0;
}

/// Opens the descriptor that stands for a signal or process. Returns 0 or an errno.
int watch(Knote& k) {
    if (k.registered.filter == EVFILT_SIGNAL) {
        k.kind = Kind::signal;
        k.registered.flags |= EV_CLEAR; // set by the filter itself
        ::sigset_t set;
        ::sigemptyset(&set);
        if (k.registered.ident > INT_MAX || ::sigaddset(&set, static_cast<int>(k.registered.ident)) != 0)
            return EINVAL;
        k.watcher = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return k.watcher == -1 ? errno : 0;
    }
    k.kind = Kind::process;
    if (k.registered.fflags != NOTE_EXIT) return EINVAL;
    const auto id = static_cast<::pid_t>(k.registered.ident);
    // As Apple and OpenBSD, which have forgotten a process that has ended.
    ::siginfo_t info{};
    if (::waitid(P_PID, static_cast<::id_t>(id), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0)
        return ESRCH;
    k.watcher = static_cast<int>(::syscall(SYS_pidfd_open, id, 0));
    return k.watcher == -1 ? errno : 0;
}

int add(Kqueue& q, const struct kevent& change, const struct stat* about) {
    Knote k{.registered = change, .serial = ++last_serial, .kind = Kind::user};
    if (last_serial == 0) k.serial = ++last_serial;
    k.registered.flags &= static_cast<unsigned short>(
        ~(EV_ADD | EV_DELETE | EV_ENABLE | EV_DISABLE | EV_FORCEONESHOT | EV_KEEPUDATA));
    k.disabled = (change.flags & EV_DISABLE) != 0;
    if (change.filter == EVFILT_SIGNAL || change.filter == EVFILT_PROC) {
        if (const auto error = watch(k); error != 0) return error;
        if (const auto error = arm(q, k, EPOLL_CTL_ADD); error != 0) {
            close_watcher(k);
            return error;
        }
    } else if (about == nullptr) {
        // FreeBSD's filter looks for NOTE_TRIGGER in a field that is already cleared, so adding does not trigger.
        k.registered.fflags &= NOTE_FFLAGSMASK;
    } else {
        const auto fd = static_cast<int>(change.ident);
        look_at(k, fd, *about);
        if (S_ISREG(about->st_mode) && change.filter == EVFILT_WRITE) return EINVAL;
        if (const auto error = k.kind == Kind::pipe ? check_pipe(k, fd) : 0; error != 0) return error;
        mark(fd, is_watched);
        if (const auto error = arm(q, k, EPOLL_CTL_ADD); error == EPERM) {
            k.kind = S_ISREG(about->st_mode) ? Kind::file : Kind::always_ready;
        } else if (error != 0) {
            return error;
        }
    }
    auto& kept = q.knotes.emplace(Key{change.filter, change.ident}, k).first->second;
    if (kept.kind == Kind::file || kept.kind == Kind::always_ready) activate(q, kept);
    if (kept.kind == Kind::signal) { // one that was pending before is not recorded
        collect(q);
        kept.triggered = kept.active = false;
        dequeue(q, kept);
    }
    if ((change.flags & EV_FORCEONESHOT) != 0) kept.registered.flags |= EV_ONESHOT;
    return 0;
}

void touch_user(Knote& k, const struct kevent& change) {
    if ((change.fflags & NOTE_TRIGGER) != 0) k.triggered = true;
    const auto given = change.fflags & NOTE_FFLAGSMASK;
    switch (change.fflags & NOTE_FFCTRLMASK) {
    case NOTE_FFAND: k.registered.fflags &= given; break;
    case NOTE_FFOR: k.registered.fflags |= given; break;
    case NOTE_FFCOPY: k.registered.fflags = given; break;
    default: break;
    }
    k.registered.data = change.data;
    // EV_CLEAR in a change resets the state immediately, including a trigger in the same change.
    if ((change.flags & EV_CLEAR) != 0) k.triggered = false;
}

int modify(Kqueue& q, Knote& k, const struct kevent& change) {
    if ((change.flags & EV_KEEPUDATA) == 0) k.registered.udata = change.udata;
    // Adding enables unless EV_DISABLE is set; the flags of the first EV_ADD are kept.
    if ((change.flags & EV_DISABLE) != 0) {
        k.disabled = true;
        dequeue(q, k);
    } else if ((change.flags & (EV_ADD | EV_ENABLE)) != 0) {
        k.disabled = false;
    }
    if ((change.flags & EV_FORCEONESHOT) != 0) k.registered.flags |= EV_ONESHOT;
    if (k.kind == Kind::user) {
        touch_user(k, change);
        if (k.triggered) activate(q, k);
    } else {
        k.registered.fflags = change.fflags;
        k.registered.data = change.data;
        // Rearming causes an edge, which runs the filter again.
        if (k.kind == Kind::file || k.kind == Kind::always_ready) activate(q, k);
    }
    if (k.active) activate(q, k);
    return 0;
}

/// Applies one change. Returns 0 or an errno.
int apply(Kqueue& q, const struct kevent& change) {
    if ((change.flags & EV_ENABLE) != 0 && (change.flags & EV_DISABLE) != 0) return EINVAL;
    if (change.filter != EVFILT_READ && change.filter != EVFILT_WRITE && change.filter != EVFILT_USER
        && change.filter != EVFILT_SIGNAL && change.filter != EVFILT_PROC) {
        return EINVAL;
    }
    struct stat about{};
    if (has_descriptor(change.filter)) {
        if (change.ident > INT_MAX || ::fstat(static_cast<int>(change.ident), &about) != 0) return EBADF;
        const auto* nested = find_kqueue(static_cast<int>(change.ident));
        const bool adds = (change.flags & EV_ADD) != 0;
        if (adds && (nested == &q || (nested != nullptr && change.filter == EVFILT_WRITE))) return EINVAL;
    }

    auto found = q.knotes.find({change.filter, change.ident});
    if (found != q.knotes.end() && (change.flags & EV_DELETE) != 0) return drop(q, found);
    if (found != q.knotes.end() && has_descriptor(change.filter)) {
        // A knote whose descriptor was closed unseen does not exist.
        auto& k = found->second;
        const bool is_gone = k.kind == Kind::file || k.kind == Kind::always_ready
                                 ? about.st_dev != k.device || about.st_ino != k.inode
                                 : arm(q, k, EPOLL_CTL_MOD) != 0;
        if (is_gone) {
            drop(q, found);
            found = q.knotes.end();
        }
    }
    if (found != q.knotes.end()) return modify(q, found->second, change);
    if ((change.flags & EV_ADD) == 0) return ENOENT;
    return add(q, change, has_descriptor(change.filter) ? &about : nullptr);
}

// Retrieval.

int retrieve(Kqueue& q, struct kevent* events, int nevents) {
    int n = 0;
    // A reported filter that stays active moves to the end of the queue, after the others.
    for (auto left = q.length; left > 0 && n < nevents; --left) {
        auto& k = *q.first;
        dequeue(q, k);
        struct kevent e;
        if (!run_filter(k, e)) {
            k.active = false;
            continue;
        }
        // The kernel deletes the writer's knote when the reader of a pipe closes, and reports that.
        if (k.dies_with_reader && (e.flags & EV_EOF) != 0) e.flags |= EV_ONESHOT;
        events[n++] = e;
        if ((e.flags & EV_ONESHOT) != 0) {
            drop(q, q.knotes.find({e.filter, e.ident}));
        } else if ((k.registered.flags & (EV_CLEAR | EV_DISPATCH)) != 0) {
            k.active = false;
            k.disabled = (k.registered.flags & EV_DISPATCH) != 0;
            if ((k.registered.flags & EV_CLEAR) != 0) k.triggered = false;
        } else {
            enqueue(q, k);
        }
    }
    return n;
}

using Nanoseconds = std::int64_t;

Nanoseconds now() {
    ::timespec t;
    ::clock_gettime(CLOCK_MONOTONIC, &t);
    return Nanoseconds{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

void free_kqueue(Kqueue& q) {
    real_close(q.writers);
    real_close(q.bell);
    kqueues().remove_if([&q](const Kqueue& each) { return &each == &q; });
}

int wait_for_events(SystemCall& call, Kqueue& q, int kq, struct kevent* events, int nevents,
                    const ::timespec* timeout) {
    if (timeout != nullptr
        && (timeout->tv_sec < 0 || timeout->tv_nsec < 0 || timeout->tv_nsec >= 1'000'000'000)) {
        return fail(EINVAL);
    }
    const bool has_no_timeout = timeout == nullptr || timeout->tv_sec > INT32_MAX;
    const bool at_once = timeout != nullptr && timeout->tv_sec == 0 && timeout->tv_nsec == 0;
    const auto deadline = has_no_timeout || at_once
                              ? Nanoseconds{0}
                              : now() + Nanoseconds{timeout->tv_sec} * 1'000'000'000 + timeout->tv_nsec;
    int error = at_once ? 0 : injected(kqueue_double_wait);
    if (error != 0) return fail(error);
    for (;;) {
        collect(q);
        const auto n = retrieve(q, events, nevents);
        update_bell(q);
        if (n > 0 || at_once) return n;
        if (error != 0) return fail(error);
        ::timespec rest{};
        if (!has_no_timeout) {
            const auto left = deadline - now();
            if (left <= 0) return 0;
            rest = {.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
        }

        ++q.waiters;
        error = call.wait(kq, has_no_timeout ? nullptr : &rest);
        --q.waiters;
        if (std::ranges::find(q.numbers, kq) == q.numbers.end()) {
            // The kqueue was closed meanwhile. The last thread to leave frees it.
            if (q.numbers.empty() && q.waiters == 0) free_kqueue(q);
            return fail(EBADF);
        }
    }
}

// Closing and duplicating descriptors.

void forget_number(Kqueue& q, int fd) {
    std::erase(q.numbers, fd);
    if (!q.numbers.empty()) return;
    for (const auto& [key, k] : q.knotes) close_watcher(k);
    q.knotes.clear();
    q.first = q.last = nullptr;
    q.length = 0;
    if (q.waiters == 0) {
        free_kqueue(q);
    } else {
        ::eventfd_write(q.bell, 1);
    }
}

/// Before a descriptor is closed: deletes the knotes that watch it, or the kqueue that it is.
void before_close(int fd) {
    if (!is_marked(fd, is_kqueue | is_watched)) return;
    const auto saved = errno;
    {
        const SystemCall call;
        for (auto& q : kqueues()) {
            if (q.numbers.empty()) continue;
            for (const auto filter : {short{EVFILT_READ}, short{EVFILT_WRITE}}) {
                if (const auto found = q.knotes.find({filter, static_cast<std::uintptr_t>(fd)});
                    found != q.knotes.end()) {
                    drop(q, found);
                    update_bell(q);
                }
            }
        }
        if (auto* q = find_kqueue(fd); q != nullptr) forget_number(*q, fd);
        unmark(fd);
    }
    errno = saved;
}

void after_dup(int from, int to) {
    if (to < 0 || from == to || !is_marked(from, is_kqueue)) return;
    const SystemCall call;
    if (auto* q = find_kqueue(from); q != nullptr) {
        q->numbers.push_back(to);
        mark(to, is_kqueue);
    }
}

void in_child_after_fork() {
    for (auto& q : kqueues()) {
        for (const auto fd : q.numbers) real_close(fd);
        for (const auto& [key, k] : q.knotes) close_watcher(k);
        real_close(q.writers);
        real_close(q.bell);
    }
    kqueues().clear();
    for (auto& each : marks) each.store(0, std::memory_order_relaxed);
    mutex.unlock();
}

[[maybe_unused]] const int watching_forks =
    ::pthread_atfork([] { mutex.lock(); }, [] { mutex.unlock(); }, in_child_after_fork);

} // namespace

extern "C" {

int (*kqueue_double_fault)(kqueue_double_point) = nullptr;

int kqueue_double_is_inside() { return depth != 0; }

int kqueue() {
    const SystemCall call;
    if (const auto error = injected(kqueue_double_create); error != 0) return fail(error);
    auto& q = kqueues().emplace_back();
    const int fd = ::epoll_create1(0);
    q.writers = ::epoll_create1(EPOLL_CLOEXEC);
    q.bell = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ::epoll_event e{.events = EPOLLIN, .data = {.u64 = 0}};
    if (fd < 0 || q.writers < 0 || q.bell < 0 || ::epoll_ctl(fd, EPOLL_CTL_ADD, q.writers, &e) != 0
        || ::epoll_ctl(fd, EPOLL_CTL_ADD, q.bell, &e) != 0) {
        const auto error = errno;
        for (const auto each : {fd, q.writers, q.bell}) {
            if (each >= 0) real_close(each);
        }
        kqueues().pop_back();
        return fail(error);
    }
    q.numbers.push_back(fd);
    mark(fd, is_kqueue);
    return fd;
}

int kevent(int kq, const struct kevent* changelist, int nchanges, struct kevent* eventlist, int nevents,
           const struct timespec* timeout) {
    SystemCall call;
    auto* const q = find_kqueue(kq);
    if (q == nullptr) return fail(EBADF);
    int reports = 0;
    for (int i = 0; i < nchanges; ++i) {
        // Copied, since the event list may be the same array.
        auto change = changelist[i];
        if (change.filter == 0) continue;
        change.flags &= static_cast<unsigned short>(~EV_SYSFLAGS);
        auto error = (change.flags & EV_ADD) != 0 ? injected(kqueue_double_add) : 0;
        if (error == 0) error = apply(*q, change);
        if (error == 0 && (change.flags & EV_RECEIPT) == 0) continue;
        if (reports == nevents) {
            update_bell(*q);
            return error == 0 ? 0 : fail(error);
        }
        change.flags = EV_ERROR;
        change.data = error;
        eventlist[reports++] = change;
    }
    update_bell(*q);
    if (nchanges > 0) {
        if (const auto error = injected(kqueue_double_changes); error != 0) return fail(error);
    }
    if (reports > 0 || nevents == 0) return reports;
    return wait_for_events(call, *q, kq, eventlist, nevents, timeout);
}

// Interposes the C library's calls, so that closing a descriptor deletes its events and a duplicate of a kqueue is
// recognized. For other descriptors the cost is one load.

int close(int fd) {
    before_close(fd);
    return real_close(fd);
}

int dup(int fd) noexcept {
    const auto made = real_dup(fd);
    after_dup(fd, made);
    return made;
}

int dup2(int from, int to) noexcept {
    if (from != to && ::fcntl(from, F_GETFD) >= 0) before_close(to);
    const auto made = real_dup2(from, to);
    after_dup(from, made);
    return made;
}

int dup3(int from, int to, int flags) noexcept {
    if (from != to && ::fcntl(from, F_GETFD) >= 0) before_close(to);
    const auto made = real_dup3(from, to, flags);
    after_dup(from, made);
    return made;
}

int fcntl(int fd, int command, ...) {
    std::va_list arguments;
    va_start(arguments, command);
    void* const argument = va_arg(arguments, void*);
    va_end(arguments);
    const auto made = real_fcntl(fd, command, argument);
    if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) after_dup(fd, made);
    return made;
}

int fcntl64(int fd, int command, ...) __attribute__((alias("fcntl")));

} // extern "C"
