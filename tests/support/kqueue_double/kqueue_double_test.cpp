// Statements of FreeBSD's kqueue(2), and whether the emulation conforms to them.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/event.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <map>
#include <ostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// Printed by GoogleTest.
void PrintTo(const struct kevent& e, std::ostream* out) {
    *out << "{ident " << e.ident << ", filter " << e.filter << ", flags 0x" << std::hex << e.flags << std::dec
         << ", fflags " << e.fflags << ", data " << e.data << ", udata " << e.udata << '}';
}

namespace {

using Event = struct kevent;
using Events = std::vector<Event>;

constexpr ::timespec at_once{.tv_sec = 0, .tv_nsec = 0};
/// Long enough for pending events to arrive.
constexpr ::timespec patience{.tv_sec = 10, .tv_nsec = 0};

/// An owned descriptor.
class Fd {
  public:
    explicit Fd(int fd = -1) : fd_(fd) { EXPECT_GE(fd, -1); }
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Fd() { close(); }
    int get() const { return fd_; }
    int release() { return std::exchange(fd_, -1); }
    void close() {
        if (fd_ >= 0) {
            EXPECT_EQ(::close(release()), 0);
        }
    }

  private:
    int fd_;
};

struct Pair {
    Fd a, b;
};
Pair local_pair(int type = SOCK_STREAM) {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    return {Fd(fds[0]), Fd(fds[1])};
}
/// a is for reading, b for writing.
Pair make_pipe() {
    int fds[2];
    EXPECT_EQ(::pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
    return {Fd(fds[0]), Fd(fds[1])};
}

::sockaddr* any(::sockaddr_in& address) { return reinterpret_cast<::sockaddr*>(&address); }

Fd inet_socket(int type) { return Fd(::socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); }

/// A bound socket and its address.
struct Bound {
    Fd socket;
    ::sockaddr_in address{};
};
Bound bound_socket(int type) {
    Bound made{inet_socket(type), {}};
    made.address.sin_family = AF_INET;
    made.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof made.address;
    EXPECT_EQ(::bind(made.socket.get(), any(made.address), length), 0);
    EXPECT_EQ(::getsockname(made.socket.get(), any(made.address), &length), 0);
    return made;
}
Bound listener() {
    auto made = bound_socket(SOCK_STREAM);
    EXPECT_EQ(::listen(made.socket.get(), 8), 0);
    return made;
}
/// An address without a listener, reserved by a socket.
Bound refusing_address(int type) { return bound_socket(type); }

int connect_to(const Fd& socket, Bound& where) {
    return ::connect(socket.get(), any(where.address), sizeof where.address) == 0 ? 0 : errno;
}
Pair tcp_pair() {
    auto server = listener();
    auto client = inet_socket(SOCK_STREAM);
    EXPECT_EQ(connect_to(client, server), EINPROGRESS);
    ::pollfd waiting{.fd = server.socket.get(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&waiting, 1, 10'000), 1);
    Fd accepted(::accept4(server.socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    waiting = {.fd = client.get(), .events = POLLOUT, .revents = 0};
    EXPECT_EQ(::poll(&waiting, 1, 10'000), 1);
    return {std::move(client), std::move(accepted)};
}

void send_bytes(const Fd& fd, std::size_t count) {
    ASSERT_EQ(::write(fd.get(), std::string(count, 'x').data(), count), static_cast<ssize_t>(count));
}
void read_all(const Fd& fd) {
    char buffer[4096];
    while (::read(fd.get(), buffer, sizeof buffer) > 0) {
    }
}
int pending_socket_error(const Fd& fd) {
    int error = 0;
    socklen_t length = sizeof error;
    EXPECT_EQ(::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length), 0);
    return error;
}

/// The open descriptors of this process.
std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

Event change(int ident, int filter, int flags, unsigned fflags = 0, std::int64_t data = 0,
             std::uintptr_t udata = 0) {
    Event e;
    EV_SET(&e, ident, filter, flags, fflags, data, reinterpret_cast<void*>(udata));
    return e;
}
Event change(const Fd& ident, int filter, int flags, unsigned fflags = 0, std::int64_t data = 0,
             std::uintptr_t udata = 0) {
    return change(ident.get(), filter, flags, fflags, data, udata);
}

class Queue {
  public:
    Queue() : fd_(::kqueue()) {}
    int get() const { return fd_.get(); }
    void close() { fd_.close(); }

    /// Applies one change. Returns 0 or kevent's errno.
    int apply(const Event& e) const { return ::kevent(get(), &e, 1, nullptr, 0, nullptr) == 0 ? 0 : errno; }
    void add(const Fd& fd, int filter, int flags = 0, std::uintptr_t udata = 0) const {
        EXPECT_EQ(apply(change(fd, filter, EV_ADD | flags, 0, 0, udata)), 0);
    }
    /// The events that are pending.
    Events now(std::size_t room = 16) const { return wait(at_once, room); }
    /// Waits for events.
    Events next(std::size_t room = 16) const { return wait(patience, room); }
    Events wait(const ::timespec& timeout, std::size_t room) const {
        Events events(room);
        const int n = ::kevent(get(), nullptr, 0, events.data(), static_cast<int>(room), &timeout);
        EXPECT_GE(n, 0);
        events.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
        return events;
    }
    /// Waits for exactly one event.
    Event only() const {
        const auto events = next();
        EXPECT_EQ(events.size(), 1u) << ::testing::PrintToString(events);
        return events.empty() ? Event{} : events.front();
    }
    /// Waits until this filter has EV_EOF; other events before it are ignored.
    Event closed(int filter) const {
        for (;;) {
            const auto events = next();
            if (events.empty()) break;
            for (const auto& e : events) {
                if (e.filter == filter && (e.flags & EV_EOF) != 0) return e;
            }
        }
        ADD_FAILURE() << "no EV_EOF";
        return {};
    }

  private:
    Fd fd_;
};

bool has(const Event& e, int flag) { return (e.flags & flag) == flag; }

/// The filters of some events, in numeric order: WRITE, READ.
std::vector<int> filters(const Events& events) {
    std::vector<int> all;
    for (const auto& e : events) all.push_back(e.filter);
    std::ranges::sort(all);
    return all;
}
const std::vector<int> both{EVFILT_WRITE, EVFILT_READ};

// kqueue().

// kqueue creates a new event queue and returns its descriptor.
TEST(KqueueDouble, KqueueIsADescriptor) {
    const Queue q;
    ASSERT_GE(q.get(), 0);
    EXPECT_EQ(::fcntl(q.get(), F_GETFD), 0);
    ASSERT_EQ(::fcntl(q.get(), F_SETFD, FD_CLOEXEC), 0);
    EXPECT_EQ(::fcntl(q.get(), F_GETFD), FD_CLOEXEC);
}

TEST(KqueueDouble, ClosingLeaksNoDescriptor) {
    const auto before = open_descriptors();
    const auto pair = local_pair();
    {
        Queue q;
        q.add(pair.a, EVFILT_READ);
        q.add(pair.a, EVFILT_WRITE);
        EXPECT_EQ(q.apply(change(7, EVFILT_USER, EV_ADD)), 0);
        EXPECT_EQ(q.now().size(), 1u);
    }
    EXPECT_EQ(open_descriptors(), before + 2);
}

// EBADF: the descriptor is invalid.
TEST(KqueueDouble, NonKqueueIsBadDescriptor) {
    const auto pair = local_pair();
    Queue q;
    const auto number = q.get();
    q.close();
    for (const int fd : {-1, number, pair.a.get()}) {
        Event e;
        EXPECT_EQ(::kevent(fd, nullptr, 0, &e, 1, &at_once), -1);
        EXPECT_EQ(errno, EBADF);
    }
}

// A child made with fork does not inherit the queue.
TEST(KqueueDouble, IsNotInheritedByAChild) {
    const auto pair = local_pair();
    const Queue q;
    q.add(pair.a, EVFILT_READ);
    const auto child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        Event e;
        const bool is_gone = ::kevent(q.get(), nullptr, 0, &e, 1, &at_once) == -1 && errno == EBADF
                             && ::fcntl(q.get(), F_GETFD) == -1;
        // A child that closes what the parent watches does not affect the parent.
        ::close(pair.a.get());
        const int own = ::kqueue();
        ::_exit(is_gone && own >= 0 && ::kevent(own, nullptr, 0, &e, 1, &at_once) == 0 ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    send_bytes(pair.b, 1);
    EXPECT_EQ(q.only().data, 1);
}

TEST(KqueueDouble, DuplicatesShareTheQueueUntilTheLastIsClosed) {
    const auto before = open_descriptors();
    const auto pair = local_pair();
    Queue q;
    Fd by_fcntl(::fcntl(q.get(), F_DUPFD_CLOEXEC, 3));
    Fd by_dup(::dup(q.get()));
    Fd by_dup2(::dup(STDERR_FILENO));
    ASSERT_EQ(::dup2(by_fcntl.get(), by_dup2.get()), by_dup2.get());
    EXPECT_EQ(::fcntl(by_fcntl.get(), F_GETFD), FD_CLOEXEC);
    q.add(pair.a, EVFILT_WRITE);
    q.close();
    by_dup.close();
    by_fcntl.close();

    Event e;
    EXPECT_EQ(::kevent(by_dup2.get(), nullptr, 0, &e, 1, &at_once), 1);
    const auto more = change(pair.a, EVFILT_READ, EV_ADD);
    EXPECT_EQ(::kevent(by_dup2.get(), &more, 1, nullptr, 0, nullptr), 0);
    by_dup2.close();
    EXPECT_EQ(open_descriptors(), before + 2);
}

TEST(KqueueDouble, ClosingEndsAWait) {
    Queue q;
    std::atomic<bool> is_started = false;
    std::thread waiter([&, kq = q.get()] {
        Event e;
        is_started = true;
        is_started.notify_one();
        EXPECT_EQ(::kevent(kq, nullptr, 0, &e, 1, nullptr), -1);
        EXPECT_EQ(errno, EBADF);
    });
    is_started.wait(false);
    q.close();
    waiter.join();
}

// A kqueue is readable for select, poll and another kqueue while it has events.
TEST(KqueueDouble, CanBeWatchedByAnotherSelector) {
    const auto pair = local_pair();
    const Queue inner;
    const Queue outer;
    const Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
    ::epoll_event wanted{.events = EPOLLIN, .data = {}};
    ASSERT_EQ(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, inner.get(), &wanted), 0);
    ASSERT_EQ(outer.apply(change(inner.get(), EVFILT_READ, EV_ADD)), 0);
    inner.add(pair.a, EVFILT_READ);
    ::epoll_event seen;
    EXPECT_EQ(::epoll_wait(epoll.get(), &seen, 1, 0), 0);
    EXPECT_TRUE(outer.now().empty());

    send_bytes(pair.b, 1);
    EXPECT_EQ(::epoll_wait(epoll.get(), &seen, 1, 0), 1);
    EXPECT_EQ(outer.only().ident, static_cast<std::uintptr_t>(inner.get()));

    read_all(pair.a);
    EXPECT_TRUE(inner.now().empty());
    EXPECT_EQ(::epoll_wait(epoll.get(), &seen, 1, 0), 0);
    EXPECT_TRUE(outer.now().empty());
}

TEST(KqueueDouble, CannotBeWatchedForWritingOrByItself) {
    const Queue q;
    const Queue other;
    EXPECT_EQ(q.apply(change(other.get(), EVFILT_WRITE, EV_ADD)), EINVAL);
    EXPECT_EQ(q.apply(change(q.get(), EVFILT_READ, EV_ADD)), EINVAL);
}

// Changes.

// A kevent is identified by ident and filter; adding an existing one modifies it.
TEST(KqueueDouble, AddingTwiceModifies) {
    const auto pair = local_pair();
    const Queue q;
    q.add(pair.a, EVFILT_WRITE, EV_CLEAR, 1);
    EXPECT_EQ(q.only().udata, reinterpret_cast<void*>(1));
    EXPECT_TRUE(q.now().empty());
    // The filter runs on registration, to check whether its condition already holds; also when added again.
    q.add(pair.a, EVFILT_WRITE, EV_CLEAR, 2);
    EXPECT_EQ(q.only().udata, reinterpret_cast<void*>(2));
    EXPECT_TRUE(q.now().empty());
}

// Not in the manual page: the flags of the first EV_ADD are kept.
TEST(KqueueDouble, AddingAgainKeepsTheOriginalFlags) {
    const auto pair = local_pair();
    const Queue q;
    q.add(pair.a, EVFILT_WRITE, EV_CLEAR);
    q.add(pair.a, EVFILT_WRITE, EV_ONESHOT);
    const auto e = q.only();
    EXPECT_TRUE(has(e, EV_CLEAR));
    EXPECT_FALSE(has(e, EV_ONESHOT));
    EXPECT_TRUE(q.now().empty());
    EXPECT_EQ(q.apply(change(pair.a, EVFILT_WRITE, EV_DELETE)), 0);
}

TEST(KqueueDouble, KeepudataKeepsUdata) {
    const auto pair = local_pair();
    const Queue q;
    q.add(pair.a, EVFILT_WRITE, EV_CLEAR, 1);
    EXPECT_EQ(q.apply(change(pair.a, EVFILT_WRITE, EV_ENABLE | EV_KEEPUDATA, 0, 0, 2)), 0);
    EXPECT_EQ(q.only().udata, reinterpret_cast<void*>(1));
}

// udata and ext are returned unchanged.
TEST(KqueueDouble, ExtIsReturned) {
    const auto pair = local_pair();
    const Queue q;
    auto e = change(pair.a, EVFILT_WRITE, EV_ADD);
    for (std::uint64_t i = 0; i < 4; ++i) e.ext[i] = ~i;
    ASSERT_EQ(q.apply(e), 0);
    const auto seen = q.only();
    for (std::uint64_t i = 0; i < 4; ++i) EXPECT_EQ(seen.ext[i], ~i);
}

// ENOENT: the event to modify or delete does not exist.
TEST(KqueueDouble, ChangingAMissingKnoteFails) {
    const auto pair = local_pair();
    const Queue q;
    for (const int flags : {EV_DELETE, EV_ENABLE, EV_DISABLE, 0}) {
        EXPECT_EQ(q.apply(change(pair.a, EVFILT_READ, flags)), ENOENT);
        EXPECT_EQ(q.apply(change(7, EVFILT_USER, flags)), ENOENT);
    }
    q.add(pair.a, EVFILT_WRITE);
    EXPECT_EQ(q.apply(change(pair.a, EVFILT_READ, EV_DELETE)), ENOENT);
    EXPECT_EQ(q.apply(change(pair.a, EVFILT_WRITE, EV_DELETE)), 0);
    EXPECT_EQ(q.apply(change(pair.a, EVFILT_WRITE, EV_DELETE)), ENOENT);
    EXPECT_TRUE(q.now().empty());
}

TEST(KqueueDouble, BadDescriptorsFail) {
    const Queue q;
    auto pair = local_pair();
    const int closed = pair.a.get();
    pair.a.close();
    for (const int flags : {EV_ADD, EV_DELETE}) {
        EXPECT_EQ(q.apply(change(closed, EVFILT_READ, flags)), EBADF);
        EXPECT_EQ(q.apply(change(-1, EVFILT_READ, flags)), EBADF);
    }
}

// EINVAL: the filter is invalid.
TEST(KqueueDouble, UnknownFiltersFail) {
    const auto pair = local_pair();
    const Queue q;
    for (const int filter : {1, -14, SHRT_MIN, EVFILT_TIMER, EVFILT_VNODE, EVFILT_AIO, EVFILT_LIO}) {
        EXPECT_EQ(q.apply(change(pair.a, filter, EV_ADD)), EINVAL) << filter;
    }
    EXPECT_EQ(q.apply(change(pair.a, EVFILT_READ, EV_ADD | EV_ENABLE | EV_DISABLE)), EINVAL);
}

// A failed change is placed in the event list as EV_ERROR with the errno in data, if there is space; the others are
// applied.
TEST(KqueueDouble, FailedChangeIsReportedAndTheOthersAreApplied) {
    const auto pair = local_pair();
    const Queue q;
    const Event changes[] = {change(pair.a, EVFILT_READ, EV_DELETE, 0, 0, 1),
                             change(pair.a, EVFILT_WRITE, EV_ADD, 0, 0, 2),
                             change(pair.a, EVFILT_TIMER, EV_ADD, 0, 0, 3)};
    Event reports[3];
    ASSERT_EQ(::kevent(q.get(), changes, 3, reports, 3, nullptr), 2);
    EXPECT_EQ(reports[0].flags, EV_ERROR);
    EXPECT_EQ(reports[0].data, ENOENT);
    EXPECT_EQ(reports[0].filter, EVFILT_READ);
    EXPECT_EQ(reports[0].udata, reinterpret_cast<void*>(1));
    EXPECT_EQ(reports[1].flags, EV_ERROR);
    EXPECT_EQ(reports[1].data, EINVAL);
    EXPECT_EQ(reports[1].udata, reinterpret_cast<void*>(3));
    EXPECT_EQ(q.only().udata, reinterpret_cast<void*>(2));
}

// Otherwise kevent returns -1 and sets errno.
TEST(KqueueDouble, FailedChangeWithoutSpaceForItsReportFailsTheCall) {
    const auto pair = local_pair();
    const Queue q;
    const Event changes[] = {change(pair.a, EVFILT_READ, EV_DELETE), change(pair.a, EVFILT_WRITE, EV_ADD)};
    EXPECT_EQ(::kevent(q.get(), changes, 2, nullptr, 0, nullptr), -1);
    EXPECT_EQ(errno, ENOENT);
    EXPECT_TRUE(q.now().empty()) << "changes after the failed one were applied";
}

// EV_RECEIPT reports each change with EV_ERROR and data 0 or an errno, and retrieves no events.
TEST(KqueueDouble, ReceiptsReportEveryChangeAndNoEvents) {
    const auto pair = local_pair();
    const Queue q;
    // Both lists may be the same array.
    Event list[8] = {change(pair.a, EVFILT_WRITE, EV_ADD | EV_CLEAR | EV_RECEIPT, 0, 0, 1),
                     change(pair.a, EVFILT_READ, EV_DELETE | EV_RECEIPT, 0, 0, 2)};
    ASSERT_EQ(::kevent(q.get(), list, 2, list, 8, nullptr), 2);
    EXPECT_EQ(list[0].flags, EV_ERROR);
    EXPECT_EQ(list[0].data, 0);
    EXPECT_EQ(list[0].ident, static_cast<std::uintptr_t>(pair.a.get()));
    EXPECT_EQ(list[0].filter, EVFILT_WRITE);
    EXPECT_EQ(list[0].udata, reinterpret_cast<void*>(1));
    EXPECT_EQ(list[1].flags, EV_ERROR);
    EXPECT_EQ(list[1].data, ENOENT);
    EXPECT_EQ(q.only().filter, EVFILT_WRITE);
}

// Without space for the receipt, later changes are not processed.
TEST(KqueueDouble, ReceiptWithoutSpaceEndsTheChanges) {
    const auto pair = local_pair();
    const Queue q;
    const Event changes[] = {change(pair.a, EVFILT_READ, EV_ADD | EV_RECEIPT),
                             change(pair.a, EVFILT_WRITE, EV_ADD | EV_RECEIPT)};
    EXPECT_EQ(::kevent(q.get(), changes, 2, nullptr, 0, nullptr), 0);
    EXPECT_EQ(q.apply(change(pair.a, EVFILT_READ, EV_DELETE)), 0);
    EXPECT_EQ(q.apply(change(pair.a, EVFILT_WRITE, EV_DELETE)), ENOENT);
}

// All changes are applied before events are read, in order.
TEST(KqueueDouble, ChangesAreAppliedInOrderBeforeEventsAreRead) {
    const auto pair = local_pair();
    const Queue q;
    const Event changes[] = {change(pair.a, EVFILT_WRITE, EV_ADD), change(pair.a, EVFILT_WRITE, EV_DELETE),
                             change(pair.b, EVFILT_WRITE, EV_ADD)};
    Event events[3];
    ASSERT_EQ(::kevent(q.get(), changes, 3, events, 3, &at_once), 1);
    EXPECT_EQ(events[0].ident, static_cast<std::uintptr_t>(pair.b.get()));
}

// Reporting of events.

TEST(KqueueDouble, ReadingAndWritingAreSeparateEvents) {
    const auto pair = local_pair();
    const Queue q;
    q.add(pair.a, EVFILT_READ, 0, 1);
    q.add(pair.a, EVFILT_WRITE, 0, 2);
    send_bytes(pair.b, 3);
    const auto events = q.now();
    ASSERT_EQ(filters(events), both);
    for (const auto& e : events) {
        EXPECT_EQ(e.ident, static_cast<std::uintptr_t>(pair.a.get()));
        EXPECT_EQ(e.udata, reinterpret_cast<void*>(e.filter == EVFILT_READ ? 1 : 2));
    }
}

// The filter runs again when the event is retrieved; a condition that no longer holds is not returned.
TEST(KqueueDouble, ConditionIsReportedWhileItHolds) {
    const auto pair = local_pair();
    const Queue q;
    q.add(pair.a, EVFILT_READ);
    EXPECT_TRUE(q.now().empty());
    send_bytes(pair.b, 3);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(q.only().data, 3);
    read_all(pair.a);
    EXPECT_TRUE(q.now().empty());
    send_bytes(pair.b, 2);
    EXPECT_EQ(q.only().data, 2);
}

// EV_CLEAR resets the state after retrieval.
TEST(KqueueDouble, ClearReportsOncePerChange) {
    const auto pair = local_pair();
    const Queue q;
    q.add(pair.a, EVFILT_READ, EV_CLEAR);
    send_bytes(pair.b, 3);
    EXPECT_TRUE(has(q.only(), EV_CLEAR));
    EXPECT_TRUE(q.now().empty());
    // Earlier data is still there: several events are collapsed into one kevent.
    send_bytes(pair.b, 1);
    send_bytes(pair.b, 1);
    EXPECT_EQ(q.only().data, 5);
    EXPECT_TRUE(q.now().empty());
    // The condition ended before retrieval.
    send_bytes(pair.b, 1);
    read_all(pair.a);
    EXPECT_TRUE(q.now().empty());
}

TEST(KqueueDouble, EdgesOfOneFilterDoNotTriggerTheOther) {
    for (const auto& [a, b] : {local_pair(), tcp_pair()}) {
        const Queue q;
        q.add(a, EVFILT_READ, EV_CLEAR);
        q.add(a, EVFILT_WRITE, EV_CLEAR);
        EXPECT_EQ(q.only().filter, EVFILT_WRITE);
        for (int i = 0; i < 3; ++i) {
            send_bytes(b, 1);
            EXPECT_EQ(q.only().filter, EVFILT_READ);
            EXPECT_TRUE(q.now().empty());
        }
    }
}

TEST(KqueueDouble, ClearedWriterIsReportedWhenSpaceIsAvailable) {
    const auto pair = make_pipe();
    const Queue q;
    q.add(pair.b, EVFILT_WRITE, EV_CLEAR);
    EXPECT_EQ(q.only().data, ::fcntl(pair.b.get(), F_GETPIPE_SZ));
    const std::string block(4096, 'x');
    while (::write(pair.b.get(), block.data(), block.size()) > 0) {
    }
    EXPECT_TRUE(q.now().empty());
    read_all(pair.a);
    EXPECT_EQ(q.only().filter, EVFILT_WRITE);
}

// EV_ONESHOT: deleted after the first retrieval.
TEST(KqueueDouble, OneshotIsDeletedAfterItsFirstReport) {
    const auto pair = local_pair();
    const Queue q;
    q.add(pair.a, EVFILT_WRITE, EV_ONESHOT);
    EXPECT_TRUE(has(q.only(), EV_ONESHOT));
    EXPECT_TRUE(q.now().empty());
    EXPECT_EQ(q.apply(change(pair.a, EVFILT_WRITE, EV_DELETE)), ENOENT);
    q.add(pair.a, EVFILT_WRITE);
    EXPECT_EQ(q.now().size(), 1u);
}

// EV_DISPATCH: disabled after delivery. EV_ENABLE enables it again.
TEST(KqueueDouble, DispatchDisablesAfterDelivery) {
    const auto pair = local_pair();
    const Queue q;
    q.add(pair.a, EVFILT_READ, EV_DISPATCH);
    send_bytes(pair.b, 1);
    EXPECT_TRUE(has(q.only(), EV_DISPATCH));
    send_bytes(pair.b, 1);
    EXPECT_TRUE(q.now().empty());
    EXPECT_EQ(q.apply(change(pair.a, EVFILT_READ, EV_ENABLE)), 0);
    EXPECT_EQ(q.only().data, 2);
    EXPECT_TRUE(q.now().empty());
    // Adding enables it, too.
    q.add(pair.a, EVFILT_READ);
    EXPECT_EQ(q.only().data, 2);
}

// EV_DISABLE: not returned, although the filter keeps running.
TEST(KqueueDouble, DisabledEventIsNotReturned) {
    const auto pair = local_pair();
    const Queue q;
    q.add(pair.a, EVFILT_READ, EV_DISABLE);
    send_bytes(pair.b, 1);
    EXPECT_TRUE(q.now().empty());
    EXPECT_EQ(q.apply(change(pair.a, EVFILT_READ, EV_ENABLE)), 0);
    EXPECT_EQ(q.now().size(), 1u);
    EXPECT_EQ(q.apply(change(pair.a, EVFILT_READ, EV_DISABLE)), 0);
    EXPECT_TRUE(q.now().empty());
}

// Closing a descriptor removes the events that refer to it.
TEST(KqueueDouble, ClosingADescriptorDeletesItsEvents) {
    auto pair = local_pair();
    const Queue q;
    q.add(pair.a, EVFILT_READ, 0, 1);
    q.add(pair.a, EVFILT_WRITE, 0, 1);
    send_bytes(pair.b, 1);
    EXPECT_EQ(q.now().size(), 2u);
    // Even though the socket is still open under another number.
    const Fd twin(::dup(pair.a.get()));
    const int number = pair.a.get();
    pair.a.close();
    EXPECT_TRUE(q.now().empty());
    send_bytes(pair.b, 1);
    EXPECT_TRUE(q.now().empty());

    // The reused number starts afresh.
    auto second = local_pair();
    ASSERT_EQ(second.a.get(), number);
    EXPECT_EQ(q.apply(change(number, EVFILT_READ, EV_DELETE)), ENOENT);
    q.add(second.a, EVFILT_WRITE, 0, 2);
    EXPECT_EQ(q.only().udata, reinterpret_cast<void*>(2));
}

TEST(KqueueDouble, NumberReusedByDup2StartsAfresh) {
    const auto pair = local_pair();
    const auto other = local_pair();
    const Queue q;
    q.add(pair.a, EVFILT_WRITE);
    ASSERT_EQ(::dup2(other.a.get(), pair.a.get()), pair.a.get());
    EXPECT_TRUE(q.now().empty());
    EXPECT_EQ(q.apply(change(pair.a, EVFILT_WRITE, EV_DELETE)), ENOENT);
}

TEST(KqueueDouble, DescriptorClosedUnseenStartsAfresh) {
    auto pair = local_pair();
    const Queue q;
    const Queue other;
    q.add(pair.a, EVFILT_READ);
    other.add(pair.a, EVFILT_READ);
    // No close(2): the emulation cannot see it.
    const int number = pair.a.release();
    ASSERT_EQ(::close_range(static_cast<unsigned>(number), static_cast<unsigned>(number), 0), 0);
    const auto second = local_pair();
    ASSERT_EQ(second.a.get(), number);
    EXPECT_EQ(q.apply(change(second.a, EVFILT_READ, EV_DELETE)), ENOENT);
    EXPECT_EQ(other.apply(change(second.a, EVFILT_READ, EV_ENABLE)), ENOENT);
    q.add(second.a, EVFILT_READ);
    send_bytes(second.b, 1);
    EXPECT_EQ(q.now().size(), 1u);
    EXPECT_TRUE(other.now().empty());
}

// nevents is the size of the event list.
TEST(KqueueDouble, EventsThatDoNotFitAreReportedNextWithoutStarvation) {
    const Queue q;
    std::vector<Pair> pairs;
    for (int i = 0; i < 5; ++i) {
        pairs.push_back(local_pair());
        q.add(pairs.back().a, EVFILT_WRITE);
    }
    std::map<std::uintptr_t, int> turns;
    for (int i = 0; i < 10; ++i) {
        const auto events = q.now(1);
        ASSERT_EQ(events.size(), 1u);
        ++turns[events.front().ident];
    }
    EXPECT_EQ(turns.size(), pairs.size());
    for (const auto& [ident, count] : turns) EXPECT_EQ(count, 2) << ident;
}

TEST(KqueueDouble, ClearedEventsThatDoNotFitAreKept) {
    const auto one = local_pair();
    const auto other = local_pair();
    const Queue q;
    q.add(one.a, EVFILT_WRITE, EV_CLEAR);
    q.add(other.a, EVFILT_WRITE, EV_CLEAR);
    const auto first = q.now(1);
    const auto second = q.now(1);
    ASSERT_EQ(first.size(), 1u);
    ASSERT_EQ(second.size(), 1u);
    EXPECT_NE(first.front().ident, second.front().ident);
    EXPECT_TRUE(q.now().empty());
}

// Contents of data and flags.

// A listening socket is returned when a connection is pending.
TEST(KqueueDouble, ListenerIsReadableWithAConnection) {
    auto server = listener();
    const Queue q;
    q.add(server.socket, EVFILT_READ, EV_CLEAR);
    q.add(server.socket, EVFILT_WRITE, EV_CLEAR);
    EXPECT_TRUE(q.now().empty());
    const auto client = inet_socket(SOCK_STREAM);
    EXPECT_EQ(connect_to(client, server), EINPROGRESS);
    const auto e = q.only();
    EXPECT_EQ(e.filter, EVFILT_READ);
    EXPECT_GE(e.data, 1);
    EXPECT_FALSE(has(e, EV_EOF));
}

TEST(KqueueDouble, ConnectingSocketIsWritableOnceItIsConnected) {
    auto server = listener();
    const auto client = inet_socket(SOCK_STREAM);
    const Queue q;
    // Not before it connects, and without EV_EOF.
    q.add(client, EVFILT_READ);
    q.add(client, EVFILT_WRITE);
    EXPECT_TRUE(q.now().empty());
    EXPECT_EQ(connect_to(client, server), EINPROGRESS);
    const auto e = q.only();
    EXPECT_EQ(e.filter, EVFILT_WRITE);
    EXPECT_GT(e.data, 0);
    EXPECT_FALSE(has(e, EV_EOF));
    EXPECT_EQ(e.fflags, 0u);
}

// NOTE_LOWAT sets a low-water mark for one filter.
TEST(KqueueDouble, LowWaterMarkSuppressesSmallerAmounts) {
    const auto pair = local_pair();
    const Queue q;
    EXPECT_EQ(q.apply(change(pair.a, EVFILT_READ, EV_ADD, NOTE_LOWAT, 4)), 0);
    send_bytes(pair.b, 3);
    EXPECT_TRUE(q.now().empty());
    send_bytes(pair.b, 1);
    EXPECT_EQ(q.only().data, 4);
}

TEST(KqueueDouble, EventfdIsReadableWithACount) {
    const Fd counter(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    const Queue q;
    q.add(counter, EVFILT_READ, EV_CLEAR);
    EXPECT_TRUE(q.now().empty());
    for (int i = 0; i < 2; ++i) {
        ASSERT_EQ(::eventfd_write(counter.get(), 1), 0);
        EXPECT_GT(q.only().data, 0);
        EXPECT_TRUE(q.now().empty());
    }
}

// For a file: returned when the offset is not at the end; data is the distance. Writing is not supported.
TEST(KqueueDouble, FileIsReadableUpToItsEnd) {
    std::string name = std::filesystem::temp_directory_path() / "kqueue-double-XXXXXX";
    const Fd file(::mkstemp(name.data()));
    ::unlink(name.c_str());
    send_bytes(file, 10);
    ASSERT_EQ(::lseek(file.get(), 4, SEEK_SET), 4);
    const Queue q;
    EXPECT_EQ(q.apply(change(file, EVFILT_WRITE, EV_ADD)), EINVAL);
    q.add(file, EVFILT_READ);
    EXPECT_EQ(q.only().data, 6);
    read_all(file);
    EXPECT_TRUE(q.now().empty());
    EXPECT_EQ(q.apply(change(file, EVFILT_READ, EV_DELETE)), 0);
}

// EV_EOF.

// EV_EOF is set when the read direction is shut down; data may still be pending.
TEST(KqueueDouble, PeerShutdownIsEofWithDataLeft) {
    for (const auto& [a, b] : {local_pair(), tcp_pair()}) {
        const Queue q;
        q.add(a, EVFILT_READ);
        q.add(a, EVFILT_WRITE);
        send_bytes(b, 3);
        ASSERT_EQ(::shutdown(b.get(), SHUT_WR), 0);
        EXPECT_EQ(q.closed(EVFILT_READ).data, 3);
        for (const auto& e : q.now()) {
            EXPECT_EQ(has(e, EV_EOF), e.filter == EVFILT_READ);
            EXPECT_EQ(e.fflags, 0u);
        }
        read_all(a);
        EXPECT_EQ(q.closed(EVFILT_READ).data, 0);
    }
}

TEST(KqueueDouble, ClosedPeerOfALocalSocketIsEofInBothDirections) {
    auto pair = local_pair();
    const Queue q;
    q.add(pair.a, EVFILT_READ, EV_CLEAR);
    q.add(pair.a, EVFILT_WRITE, EV_CLEAR);
    EXPECT_EQ(q.now().size(), 1u);
    pair.b.close();
    const auto events = q.now();
    ASSERT_EQ(filters(events), both);
    for (const auto& e : events) {
        EXPECT_TRUE(has(e, EV_EOF));
        EXPECT_EQ(e.fflags, 0u);
    }
}

TEST(KqueueDouble, LocalShutdownIsEofInThatDirection) {
    for (const auto& [a, b] : {local_pair(), tcp_pair()}) {
        const Queue q;
        q.add(a, EVFILT_READ, EV_CLEAR);
        q.add(a, EVFILT_WRITE, EV_CLEAR);
        EXPECT_FALSE(has(q.only(), EV_EOF));
        ASSERT_EQ(::shutdown(a.get(), SHUT_WR), 0);
        const auto wrote = q.closed(EVFILT_WRITE);
        EXPECT_EQ(wrote.fflags, 0u);
        // Reading still works.
        send_bytes(b, 1);
        const auto events = q.next();
        ASSERT_FALSE(events.empty());
        for (const auto& e : events) EXPECT_EQ(has(e, EV_EOF), e.filter == EVFILT_WRITE);

        ASSERT_EQ(::shutdown(a.get(), SHUT_RD), 0);
        EXPECT_EQ(q.closed(EVFILT_READ).fflags, 0u);
    }
}

// For a pipe: EV_EOF for the reader when the last writer disconnects.
TEST(KqueueDouble, PipeWithoutWriterIsAtItsEnd) {
    auto pair = make_pipe();
    const Queue q;
    q.add(pair.a, EVFILT_READ);
    EXPECT_TRUE(q.now().empty());
    send_bytes(pair.b, 3);
    EXPECT_FALSE(has(q.only(), EV_EOF));
    pair.b.close();
    const auto e = q.only();
    EXPECT_TRUE(has(e, EV_EOF));
    EXPECT_EQ(e.data, 3);
    read_all(pair.a);
    EXPECT_EQ(q.closed(EVFILT_READ).data, 0);
}

// EV_EOF for the writer when the reader disconnects.
TEST(KqueueDouble, PipeWithoutReaderIsAtItsEnd) {
    auto pair = make_pipe();
    const Queue q;
    q.add(pair.b, EVFILT_WRITE, EV_CLEAR);
    EXPECT_FALSE(has(q.only(), EV_EOF));
    pair.a.close();
    const auto e = q.only();
    EXPECT_TRUE(has(e, EV_EOF));
    EXPECT_EQ(e.fflags, 0u);
    // Not in the manual page, but in FreeBSD's tests (sys/kern/pipe): the closing end deletes the writer's knote.
    EXPECT_TRUE(has(e, EV_ONESHOT));
    EXPECT_EQ(q.apply(change(pair.b, EVFILT_WRITE, EV_DELETE)), ENOENT);
}

// Not in the manual page: FreeBSD rejects a pipe without reader, where others report EV_EOF.
TEST(KqueueDouble, PipeWithoutReaderIsNotAddedForWriting) {
    auto pair = make_pipe();
    pair.a.close();
    const Queue q;
    EXPECT_EQ(q.apply(change(pair.b, EVFILT_WRITE, EV_ADD)), EPIPE);
    EXPECT_EQ(q.apply(change(pair.b, EVFILT_WRITE, EV_DELETE)), ENOENT);
}

// Not in the manual page: the wrong end of a pipe is accepted and never reported.
TEST(KqueueDouble, WrongEndOfAPipeIsNeverReported) {
    auto pair = make_pipe();
    const Queue q;
    q.add(pair.a, EVFILT_WRITE);
    q.add(pair.b, EVFILT_READ);
    EXPECT_TRUE(q.now().empty());
    pair.b.close();
    EXPECT_TRUE(q.now().empty());
    EXPECT_EQ(q.apply(change(pair.a, EVFILT_WRITE, EV_DELETE)), 0);
}

// For a fifo: a new writer clears EV_EOF.
TEST(KqueueDouble, FifoOpensAgainWithANewWriter) {
    std::string folder = std::filesystem::temp_directory_path() / "kqueue-double-XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    const auto name = folder + "/fifo";
    ASSERT_EQ(::mkfifo(name.c_str(), 0600), 0);
    const Fd reader(::open(name.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    const Queue q;
    q.add(reader, EVFILT_READ);
    EXPECT_TRUE(q.now().empty());
    Fd writer(::open(name.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    writer.close();
    EXPECT_TRUE(has(q.only(), EV_EOF));
    writer = Fd(::open(name.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    EXPECT_TRUE(q.now().empty());
    send_bytes(writer, 1);
    EXPECT_FALSE(has(q.only(), EV_EOF));
    std::filesystem::remove_all(folder);
}

// The socket error is returned in fflags.
TEST(KqueueDouble, RefusedConnectionIsReportedByBothFiltersAndKeepsTheError) {
    auto where = refusing_address(SOCK_STREAM);
    const auto client = inet_socket(SOCK_STREAM);
    const Queue q;
    q.add(client, EVFILT_READ);
    q.add(client, EVFILT_WRITE);
    connect_to(client, where);
    q.closed(EVFILT_WRITE);
    const auto events = q.now();
    ASSERT_EQ(filters(events), both);
    for (const auto& e : events) {
        EXPECT_TRUE(has(e, EV_EOF));
        EXPECT_EQ(e.fflags, static_cast<unsigned>(ECONNREFUSED));
    }
    EXPECT_EQ(pending_socket_error(client), ECONNREFUSED);
    // No error is pending now.
    for (const auto& e : q.now()) EXPECT_EQ(e.fflags, 0u);
}

TEST(KqueueDouble, ResetIsReportedByBothFiltersAndKeepsTheError) {
    for (const bool is_client : {true, false}) {
        auto [client, server] = tcp_pair();
        auto& mine = is_client ? client : server;
        auto& theirs = is_client ? server : client;
        const Queue q;
        q.add(mine, EVFILT_READ);
        q.add(mine, EVFILT_WRITE);
        const ::linger abortive{.l_onoff = 1, .l_linger = 0};
        ASSERT_EQ(::setsockopt(theirs.get(), SOL_SOCKET, SO_LINGER, &abortive, sizeof(::linger)), 0);
        theirs.close();
        q.closed(EVFILT_WRITE);
        const auto events = q.now();
        ASSERT_EQ(filters(events), both);
        for (const auto& e : events) {
            EXPECT_TRUE(has(e, EV_EOF));
            EXPECT_EQ(e.fflags, static_cast<unsigned>(ECONNRESET));
        }
        EXPECT_EQ(pending_socket_error(mine), ECONNRESET);
    }
}

TEST(KqueueDouble, TransientErrorIsReportedWithoutEof) {
    auto where = refusing_address(SOCK_DGRAM);
    const auto client = inet_socket(SOCK_DGRAM);
    ASSERT_EQ(connect_to(client, where), 0);
    where.socket.close();
    const Queue q;
    q.add(client, EVFILT_READ, EV_CLEAR);
    q.add(client, EVFILT_WRITE, EV_CLEAR);
    EXPECT_EQ(q.only().filter, EVFILT_WRITE);
    send_bytes(client, 1);
    std::map<int, Event> seen;
    while (seen.size() < 2) {
        const auto events = q.next();
        ASSERT_FALSE(events.empty());
        for (const auto& e : events) seen[e.filter] = e;
    }
    for (const auto& [filter, e] : seen) {
        EXPECT_FALSE(has(e, EV_EOF));
        EXPECT_EQ(e.fflags, 0u);
    }
    EXPECT_EQ(pending_socket_error(client), ECONNREFUSED);
}

// EVFILT_USER.

// A user event is not associated with a kernel mechanism; the program triggers it.
TEST(KqueueDouble, UserEventIsReportedWhenTriggered) {
    const Queue q;
    EXPECT_EQ(q.apply(change(-1, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, 5)), 0);
    EXPECT_TRUE(q.now().empty());
    for (const int flags : {0, EV_ADD}) {
        for (int i = 0; i < 3; ++i) {
            EXPECT_EQ(q.apply(change(-1, EVFILT_USER, flags, NOTE_TRIGGER, 0, 6)), 0);
        }
        const auto e = q.only();
        EXPECT_EQ(e.filter, EVFILT_USER);
        EXPECT_EQ(e.ident, static_cast<std::uintptr_t>(-1));
        EXPECT_EQ(e.udata, reinterpret_cast<void*>(6));
        EXPECT_TRUE(has(e, EV_CLEAR));
        EXPECT_TRUE(q.now().empty());
        // The trigger is consumed, and retrieving again does not return it.
        EXPECT_EQ(q.apply(change(-1, EVFILT_USER, EV_ADD)), 0);
        EXPECT_TRUE(q.now().empty());
    }
}

// FreeBSD's kernel deviates from its manual page: adding and triggering need two changes.
TEST(KqueueDouble, UserEventIsNotTriggeredByItsFirstChange) {
    const Queue q;
    EXPECT_EQ(q.apply(change(1, EVFILT_USER, EV_ADD, NOTE_TRIGGER)), 0);
    EXPECT_TRUE(q.now().empty());
    EXPECT_EQ(q.apply(change(1, EVFILT_USER, 0, NOTE_TRIGGER)), 0);
    EXPECT_EQ(q.only().fflags, 0u);
}

TEST(KqueueDouble, UserEventThatIsNotClearedStays) {
    const Queue q;
    EXPECT_EQ(q.apply(change(1, EVFILT_USER, EV_ADD)), 0);
    EXPECT_EQ(q.apply(change(1, EVFILT_USER, 0, NOTE_TRIGGER)), 0);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(q.now().size(), 1u);
    // EV_CLEAR in a change clears the trigger.
    EXPECT_EQ(q.apply(change(1, EVFILT_USER, EV_CLEAR)), 0);
    EXPECT_TRUE(q.now().empty());
}

// The lower 24 bits of fflags are user-defined: NOTE_FFAND, FFOR, FFCOPY, FFNOP operate on them.
TEST(KqueueDouble, UserFlagsAreCombinedAsRequested) {
    const Queue q;
    EXPECT_EQ(q.apply(change(1, EVFILT_USER, EV_ADD | EV_CLEAR, 0x0f)), 0);
    const std::pair<unsigned, unsigned> steps[] = {{NOTE_FFNOP | 0xf0, 0x0f},
                                                   {NOTE_FFOR | 0xf0, 0xff},
                                                   {NOTE_FFAND | 0x3c, 0x3c},
                                                   {NOTE_FFCOPY | 0xabcdef, 0xabcdef}};
    for (const auto& [given, kept] : steps) {
        EXPECT_EQ(q.apply(change(1, EVFILT_USER, 0, given | NOTE_TRIGGER)), 0);
        EXPECT_EQ(q.only().fflags, kept);
    }
}

// Waiting.

// EVFILT_SIGNAL: ident is the signal number; EV_CLEAR is set automatically.
TEST(Signals, AreReportedOnceEach) {
    ::sigset_t set, before;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGUSR1);
    ::sigaddset(&set, SIGUSR2);
    ::pthread_sigmask(SIG_BLOCK, &set, &before);
    const auto take = [&set] {
        ::timespec none = at_once;
        return ::sigtimedwait(&set, nullptr, &none);
    };
    {
        ::kill(::getpid(), SIGUSR1); // pending before: not recorded
        Queue q, other;
        for (const int number : {SIGUSR1, SIGUSR2}) {
            EXPECT_EQ(q.apply(change(number, EVFILT_SIGNAL, EV_ADD)), 0);
            EXPECT_EQ(other.apply(change(number, EVFILT_SIGNAL, EV_ADD)), 0);
        }
        EXPECT_TRUE(q.now().empty());
        EXPECT_EQ(take(), SIGUSR1);
        ::kill(::getpid(), SIGUSR2);
        for (const auto* each : {&q, &other}) {
            const auto event = each->only();
            EXPECT_EQ(event.ident, static_cast<std::uintptr_t>(SIGUSR2));
            EXPECT_EQ(event.filter, EVFILT_SIGNAL);
            EXPECT_EQ(event.data, 1);
            EXPECT_TRUE(each->now().empty());
        }
        EXPECT_EQ(take(), SIGUSR2);
        EXPECT_EQ(q.apply(change(SIGUSR1, EVFILT_SIGNAL, EV_DELETE)), 0);
        ::kill(::getpid(), SIGUSR1);
        EXPECT_TRUE(q.now().empty());
        EXPECT_EQ(q.apply(change(9999, EVFILT_SIGNAL, EV_ADD)), EINVAL);
        EXPECT_EQ(take(), SIGUSR1);
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// EVFILT_PROC, NOTE_EXIT: the process has exited.
TEST(Processes, AreReportedWhenTheyEnd) {
    const auto descriptors = open_descriptors();
    const auto child = ::fork();
    if (child == 0) {
        while (true) ::pause();
    }
    {
        Queue q;
        EXPECT_EQ(q.apply(change(child, EVFILT_PROC, EV_ADD, NOTE_EXIT)), 0);
        EXPECT_TRUE(q.now().empty());
        ::kill(child, SIGKILL);
        ::pollfd nested{.fd = q.get(), .events = POLLIN, .revents = 0};
        EXPECT_EQ(::poll(&nested, 1, 10'000), 1);
        EXPECT_EQ(::waitpid(child, nullptr, 0), child);
        EXPECT_EQ(::poll(&nested, 1, 0), 1) << "until it is retrieved";
        const auto event = q.only();
        EXPECT_EQ(event.ident, static_cast<std::uintptr_t>(child));
        EXPECT_EQ(event.fflags, static_cast<unsigned>(NOTE_EXIT));
        EXPECT_NE(event.flags & EV_EOF, 0);
        EXPECT_EQ(q.apply(change(child, EVFILT_PROC, EV_DELETE)), ENOENT) << "deleted by its report";
        EXPECT_EQ(q.apply(change(child, EVFILT_PROC, EV_ADD, NOTE_EXIT)), ESRCH);
        EXPECT_EQ(q.apply(change(::getpid(), EVFILT_PROC, EV_ADD, NOTE_EXIT)), 0);
    }
    EXPECT_EQ(open_descriptors(), descriptors);
}

// EINVAL: the timeout is invalid.
TEST(KqueueDouble, InvalidTimeoutsFail) {
    const Queue q;
    Event e;
    for (const auto& bad : {::timespec{-1, 0}, ::timespec{0, -1}, ::timespec{0, 1'000'000'000}}) {
        EXPECT_EQ(::kevent(q.get(), nullptr, 0, &e, 1, &bad), -1);
        EXPECT_EQ(errno, EINVAL);
    }
}

// If the timeout expires, kevent returns 0.
TEST(KqueueDouble, WaitNeverEndsEarly) {
    const Queue q;
    for (const auto limit : {200us, 1500us, 20'300us}) {
        const auto start = Clock::now();
        EXPECT_TRUE(q.wait({.tv_sec = 0, .tv_nsec = std::chrono::nanoseconds(limit).count()}, 1).empty());
        EXPECT_GE(Clock::now() - start, limit);
    }
}

// With nevents zero, kevent returns immediately regardless of the timeout; a null timeout waits indefinitely.
TEST(KqueueDouble, ZeroNeventsDoesNotWait) {
    const auto pair = local_pair();
    const Queue q;
    EXPECT_EQ(::kevent(q.get(), nullptr, 0, nullptr, 0, nullptr), 0);
    q.add(pair.a, EVFILT_WRITE);
    EXPECT_EQ(::kevent(q.get(), nullptr, 0, nullptr, 0, nullptr), 0);
    Event e;
    const ::timespec longest{.tv_sec = std::numeric_limits<std::time_t>::max(), .tv_nsec = 999'999'999};
    EXPECT_EQ(::kevent(q.get(), nullptr, 0, &e, 1, nullptr), 1);
    EXPECT_EQ(::kevent(q.get(), nullptr, 0, &e, 1, &longest), 1);
}

// EINTR: a signal was delivered before any event was placed in the queue.
TEST(KqueueDouble, SignalEndsAWait) {
    struct sigaction act{};
    act.sa_handler = [](int) {};
    struct sigaction old;
    ASSERT_EQ(::sigaction(SIGUSR1, &act, &old), 0);
    const Queue q;
    std::atomic<bool> is_done = false;
    std::thread waiter([&] {
        Event e;
        EXPECT_EQ(::kevent(q.get(), nullptr, 0, &e, 1, nullptr), -1);
        EXPECT_EQ(errno, EINTR);
        is_done = true;
    });
    // The first signal may arrive before the wait: repeat until one was handled.
    while (!is_done) {
        ::pthread_kill(waiter.native_handle(), SIGUSR1);
        std::this_thread::yield();
    }
    waiter.join();
    ASSERT_EQ(::sigaction(SIGUSR1, &old, nullptr), 0);
}

// A system call is not interrupted half-way: a handler that makes the same call finds no lock held.
std::atomic<int> triggered_queue = -1;
TEST(KqueueDouble, SignalHandlerCanTriggerAnEvent) {
    constexpr int rounds = 20'000;
    struct sigaction act{};
    act.sa_handler = [](int) {
        const auto trigger = change(1, EVFILT_USER, 0, NOTE_TRIGGER);
        EXPECT_EQ(::kevent(triggered_queue, &trigger, 1, nullptr, 0, nullptr), 0);
    };
    struct sigaction old;
    ASSERT_EQ(::sigaction(SIGUSR1, &act, &old), 0);
    const auto pair = local_pair();
    const Queue q;
    EXPECT_EQ(q.apply(change(1, EVFILT_USER, EV_ADD | EV_CLEAR)), 0);
    triggered_queue = q.get();
    std::atomic<bool> is_done = false;
    std::thread busy([&] {
        for (int i = 0; i < rounds; ++i) q.add(pair.a, EVFILT_READ);
        is_done = true;
    });
    while (!is_done) {
        ::pthread_kill(busy.native_handle(), SIGUSR1);
        std::this_thread::yield();
    }
    busy.join();
    EXPECT_EQ(q.only().filter, EVFILT_USER);
    ASSERT_EQ(::sigaction(SIGUSR1, &old, nullptr), 0);
}

// Threads.

TEST(KqueueDouble, ChangesReachABlockedWait) {
    const auto pair = local_pair();
    const auto pipe = make_pipe();
    const Queue q;
    EXPECT_EQ(q.apply(change(1, EVFILT_USER, EV_ADD | EV_CLEAR)), 0);
    std::atomic<int> seen = 0;
    std::thread waiter([&] {
        for (const int filter : {EVFILT_WRITE, EVFILT_READ, EVFILT_USER}) {
            EXPECT_EQ(q.only().filter, filter);
            seen = -filter;
            seen.notify_one();
        }
    });
    q.add(pair.a, EVFILT_WRITE, EV_ONESHOT);
    seen.wait(0);
    q.add(pipe.a, EVFILT_READ, EV_CLEAR);
    send_bytes(pipe.b, 1);
    seen.wait(-EVFILT_WRITE);
    EXPECT_EQ(q.apply(change(1, EVFILT_USER, 0, NOTE_TRIGGER)), 0);
    waiter.join();
}

TEST(KqueueDouble, DeletedEventIsNotReported) {
    const Queue q;
    EXPECT_EQ(q.apply(change(1, EVFILT_USER, EV_ADD | EV_CLEAR)), 0);
    const auto pair = local_pair();
    std::atomic<bool> is_deleted = false;
    std::atomic<int> late = 0;
    std::thread waiter([&] {
        for (;;) {
            const bool was_deleted = is_deleted;
            for (const auto& e : q.next()) {
                if (e.filter == EVFILT_USER) return;
                if (was_deleted) ++late;
            }
        }
    });
    for (int i = 0; i < 500; ++i) {
        is_deleted = false;
        q.add(pair.a, EVFILT_WRITE);
        EXPECT_EQ(q.apply(change(pair.a, EVFILT_WRITE, EV_DELETE)), 0);
        is_deleted = true;
    }
    EXPECT_EQ(q.apply(change(1, EVFILT_USER, 0, NOTE_TRIGGER)), 0);
    waiter.join();
    EXPECT_EQ(late, 0);
}

TEST(KqueueDouble, ManyThreadsShareAQueue) {
    constexpr int rounds = 300;
    const Queue q;
    EXPECT_EQ(q.apply(change(1, EVFILT_USER, EV_ADD)), 0);
    std::atomic<int> reports = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i) {
        threads.emplace_back([&] {
            for (bool is_running = true; is_running;) {
                for (const auto& e : q.next(2)) {
                    if (e.filter == EVFILT_USER) {
                        is_running = false;
                    } else {
                        ++reports;
                    }
                }
            }
        });
    }
    std::vector<std::thread> changers;
    for (int i = 0; i < 3; ++i) {
        changers.emplace_back([&] {
            for (int round = 0; round < rounds; ++round) {
                const auto pair = local_pair();
                q.add(pair.a, EVFILT_READ, EV_CLEAR);
                q.add(pair.b, EVFILT_WRITE, EV_ONESHOT);
                send_bytes(pair.b, 1);
            }
        });
    }
    for (auto& each : changers) each.join();
    // It stays triggered, so every thread sees it.
    EXPECT_EQ(q.apply(change(1, EVFILT_USER, 0, NOTE_TRIGGER)), 0);
    for (auto& each : threads) each.join();
    EXPECT_LE(reports, 3 * rounds * 2);
    EXPECT_EQ(q.now().size(), 1u);
}

} // namespace
