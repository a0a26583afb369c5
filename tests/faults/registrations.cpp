#include "registrations.hpp"

#include <atomic>
#include <cstddef>

#include <sys/epoll.h>
#include <sys/syscall.h>

namespace faults {
namespace {

struct Registration {
    long epoll = -1; // -1: a free place
    long fd = -1;
    ::epoll_event event{};
};

constexpr std::size_t most = 4096;
Registration table[most];
std::size_t used = 0; // places that were ever in use
std::size_t turn = 0;

// Signal handlers of several threads use the table, so a mutex will not do. No thread holds it during a blocking call.
std::atomic_flag is_locked;
struct Lock {
    Lock() noexcept {
        while (is_locked.test_and_set(std::memory_order_acquire)) pass(SYS_sched_yield);
    }
    ~Lock() { is_locked.clear(std::memory_order_release); }
};

Registration* find(long epoll, long fd) noexcept {
    for (std::size_t i = 0; i < used; ++i)
        if (table[i].epoll == epoll && table[i].fd == fd) return &table[i];
    return nullptr;
}

Registration* find_or_make(long epoll, long fd) noexcept {
    if (auto* const found = find(epoll, fd)) return found;
    if (auto* const free = find(-1, -1)) return free;
    return used < most ? &table[used++] : nullptr;
}

} // namespace

void note_registration(const Call& epoll_ctl) noexcept {
    const Lock lock;
    const long epoll = epoll_ctl.arguments[0], operation = epoll_ctl.arguments[1],
               fd = epoll_ctl.arguments[2];
    if (operation == EPOLL_CTL_DEL) {
        if (auto* const gone = find(epoll, fd)) *gone = {};
    } else if (auto* const place = find_or_make(epoll, fd)) {
        *place = {epoll, fd, *reinterpret_cast<const ::epoll_event*>(epoll_ctl.arguments[3])};
    }
}

void report_again(long fd) noexcept {
    const Lock lock;
    for (std::size_t i = 0; i < used; ++i) {
        auto& registration = table[i];
        // A oneshot registration that has fired must stay silent; only the program knows.
        if (registration.fd != fd || (registration.event.events & EPOLLONESHOT) != 0) continue;
        // Fails if the descriptor was closed, or reused for something else.
        if (pass(SYS_epoll_ctl, registration.epoll, EPOLL_CTL_MOD, fd, &registration.event) != 0)
            registration = {};
    }
}

bool next_registration(long epoll, unsigned& events, unsigned long long& data) noexcept {
    const Lock lock;
    for (std::size_t i = 0; i < used; ++i) {
        const auto& registration = table[turn++ % used];
        if (registration.epoll != epoll || (registration.event.events & EPOLLONESHOT) != 0) continue;
        events = registration.event.events;
        data = registration.event.data.u64;
        return true;
    }
    return false;
}

} // namespace faults
