// A library for LD_PRELOAD: the system calls of any program have short and odd, but correct, results. FAULTS_ODD names the
// ways, separated by commas:
//
//   one_byte     reads and writes of streams transfer one byte: 256 of each 1024, so that megabytes do not take hours.
//                They do so irregularly, so that a program has to write in pieces what it has read at once
//   interrupted  every other wait for events fails with EINTR
//   spurious     waits also report a source that need not be ready, and return at once every other time. Not an eventfd:
//                the event of a waker means that it was woken
//   reversed     waits report the events of a batch in reverse order
//   single       waits report one event at a time

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "registrations.hpp"
#include "trap.hpp"

namespace {

using namespace faults;

bool one_byte, interrupted, spurious, reversed, single;
std::atomic<unsigned> turn = 0;

bool is_every_other_time() noexcept { return turn.fetch_add(1, std::memory_order_relaxed) % 2 == 0; }

// One byte.

bool is_stream(long fd) noexcept {
    struct ::stat status{};
    if (pass(SYS_fstat, fd, &status) != 0) return false;
    if (S_ISFIFO(status.st_mode)) return true;
    int type = 0;
    unsigned size = sizeof type;
    return S_ISSOCK(status.st_mode) && pass(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0
           && type == SOCK_STREAM;
}

// More can be transferred: the kernel would report that.
long short_result(long fd, long result) noexcept {
    if (result == 1) report_again(fd);
    return result;
}

// With the argument `size` at most 1.
long transfer(Call call, std::size_t size) noexcept {
    call.arguments[size] = std::min(call.arguments[size], 1L);
    return short_result(call.arguments[0], pass(call));
}

::iovec first_byte(const ::iovec* vectors, std::size_t count) noexcept {
    for (std::size_t i = 0; i < count; ++i)
        if (vectors[i].iov_len != 0) return {vectors[i].iov_base, 1};
    return {nullptr, 0};
}

long transfer_vectors(Call call) noexcept {
    const auto vector = first_byte(reinterpret_cast<const ::iovec*>(call.arguments[1]),
                                   static_cast<std::size_t>(call.arguments[2]));
    call.arguments[1] = reinterpret_cast<long>(&vector);
    call.arguments[2] = 1;
    return short_result(call.arguments[0], pass(call));
}

long transfer_message(const Call& call) noexcept {
    auto& message = *reinterpret_cast<::msghdr*>(call.arguments[1]);
    auto vector = first_byte(message.msg_iov, message.msg_iovlen);
    const auto vectors = std::exchange(message.msg_iov, &vector);
    const auto count = std::exchange(message.msg_iovlen, std::size_t{1});
    const long result = pass(call);
    message.msg_iov = vectors;
    message.msg_iovlen = count;
    return short_result(call.arguments[0], result);
}

std::atomic<unsigned>& transfers(long fd) noexcept {
    static std::atomic<unsigned> counts[1024];
    return counts[static_cast<unsigned long>(fd) % 1024];
}

long transfer_some(const Call& call) noexcept {
    const auto count = transfers(call.arguments[0]).fetch_add(1, std::memory_order_relaxed);
    constexpr auto irregular = 0x9e3779b1u; // 2^32 / the golden ratio
    if (count % 1024 >= 512 || (count * irregular) >> 31 != 0) return pass(call);
    switch (call.number) {
    case SYS_recvfrom:
    case SYS_sendto:
        if ((call.arguments[3] & MSG_PEEK) != 0) break;
        return transfer(call, 2);
    case SYS_read:
    case SYS_write: return transfer(call, 2);
    case SYS_sendfile: return transfer(call, 3);
    case SYS_splice: {
        const long result = transfer(call, 4);
        if (result == 1) report_again(call.arguments[2]);
        return result;
    }
    case SYS_readv:
    case SYS_writev: return transfer_vectors(call);
    case SYS_recvmsg:
    case SYS_sendmsg:
        if ((call.arguments[2] & MSG_PEEK) != 0) break;
        return transfer_message(call);
    }
    return pass(call);
}

// Waits.

// Whether the descriptor is an eventfd, such as that of a waker.
bool is_eventfd(long fd) noexcept {
    char path[32], target[32];
    std::snprintf(path, sizeof path, "/proc/self/fd/%ld", fd);
    const long size = pass(SYS_readlinkat, AT_FDCWD, path, target, sizeof target);
    constexpr std::string_view name = "anon_inode:[eventfd]";
    return size > 0 && std::string_view(target, static_cast<std::size_t>(size)) == name;
}

// Events of epoll.
long add_spurious(long epoll, ::epoll_event* events, long count, long capacity) noexcept {
    ::epoll_event more{};
    unsigned flags = 0;
    unsigned long long data = 0;
    if (count < 0 || count >= capacity || !next_registration(epoll, flags, data)) return count;
    more.events = flags & (EPOLLIN | EPOLLOUT);
    more.data.u64 = data;
    const bool is_there = std::any_of(events, events + count,
                                      [&](const ::epoll_event& event) { return event.data.u64 == data; });
    if (is_there || more.events == 0) return count;
    events[count] = more;
    return count + 1;
}

long wait_epoll(Call call) noexcept {
    auto* const events = reinterpret_cast<::epoll_event*>(call.arguments[1]);
    const long capacity = call.arguments[2];
    constexpr ::timespec at_once{};
    const bool is_precise = call.number == SYS_epoll_pwait2;
    const auto* const limit = reinterpret_cast<const ::timespec*>(call.arguments[3]);
    const bool blocks = is_precise ? limit == nullptr || limit->tv_sec != 0 || limit->tv_nsec != 0
                                   : static_cast<int>(call.arguments[3]) != 0;
    if (interrupted && blocks && is_every_other_time()) return -EINTR;
    if (single) call.arguments[2] = std::min(capacity, 1L);
    if (spurious && blocks && is_every_other_time())
        call.arguments[3] = is_precise ? reinterpret_cast<long>(&at_once) : 0;
    long count = pass(call);
    if (spurious) count = add_spurious(call.arguments[0], events, count, capacity);
    if (reversed && count > 1) std::reverse(events, events + count);
    return count;
}

// Events of poll. A wait for one descriptor is not one for events.
long wait_poll(const Call& call) noexcept {
    auto* const records = reinterpret_cast<::pollfd*>(call.arguments[0]);
    const auto size = static_cast<std::size_t>(call.arguments[1]);
    const bool blocks = call.number == SYS_ppoll || static_cast<int>(call.arguments[2]) != 0;
    if (size < 2) return pass(call);
    if (interrupted && blocks && is_every_other_time()) return -EINTR;
    long count = pass(call);
    const auto start = turn.fetch_add(1, std::memory_order_relaxed);
    if (spurious && count >= 0) {
        auto& record = records[start % size];
        if (record.fd >= 0 && record.revents == 0 && (record.events & (POLLIN | POLLOUT)) != 0) {
            record.revents = static_cast<short>(record.events & (POLLIN | POLLOUT));
            ++count;
        }
    }
    if (single && count > 1) {
        bool has_one = false;
        for (std::size_t i = 0; i < size; ++i) {
            auto& record = records[(start + i) % size];
            if (record.revents == 0) continue;
            if (has_one) record.revents = 0;
            has_one = true;
        }
        count = 1;
    }
    return count;
}

long on_call(const Call& call) noexcept {
    switch (call.number) {
    case SYS_epoll_ctl: {
        const long result = pass(call);
        if (result == 0 && !is_eventfd(call.arguments[2])) note_registration(call);
        return result;
    }
#if defined(__x86_64__)
    case SYS_poll: return wait_poll(call);
    case SYS_epoll_wait: return wait_epoll(call);
#endif
    case SYS_ppoll: return wait_poll(call);
    case SYS_close:
        transfers(call.arguments[0]) = 0; // so that a case does not depend on those before it
        return pass(call);
    case SYS_epoll_pwait:
    case SYS_epoll_pwait2: return wait_epoll(call);
    default: return one_byte && is_stream(call.arguments[0]) ? transfer_some(call) : pass(call);
    }
}

constexpr long trapped[] = {
    SYS_close,      SYS_epoll_ctl, SYS_epoll_pwait, SYS_epoll_pwait2, SYS_ppoll,
    SYS_read,       SYS_readv,     SYS_recvfrom,    SYS_recvmsg,      SYS_write,
    SYS_writev,     SYS_sendto,    SYS_sendmsg,     SYS_sendfile,     SYS_splice,
#if defined(__x86_64__)
    SYS_epoll_wait, SYS_poll,
#endif
};

[[gnu::constructor]] void begin() {
    const char* const ways = std::getenv("FAULTS_ODD");
    if (ways == nullptr) return;
    const auto has = [&](const char* way) { return std::strstr(ways, way) != nullptr; };
    one_byte = has("one_byte");
    interrupted = has("interrupted");
    spurious = has("spurious");
    reversed = has("reversed");
    single = has("single");
    if (trap(trapped, &on_call)) return;
    std::fprintf(stderr, "system call filters are unavailable\n");
    std::_Exit(77);
}

} // namespace
