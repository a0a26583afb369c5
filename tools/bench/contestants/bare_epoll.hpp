// epoll without anything between the program and the kernel.

#pragma once

#include "contestants/bare.hpp"

#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace bench {

/// Edge-triggered if `is_edge`, level-triggered otherwise.
template <bool is_edge> struct BareEpoll : BareSockets {
    template <class Handler> class Loop {
      public:
        explicit Loop(Handler& handler) : handler_(handler) {}
        Loop(const Loop&) = delete;
        Loop& operator=(const Loop&) = delete;
        ~Loop() { ::close(epoll_); }

        void add(const Socket& socket, std::size_t token) {
            add(socket.raw(), token, EPOLLIN | EPOLLRDHUP | (is_edge ? std::uint32_t{EPOLLET} : 0));
        }
        void add(int descriptor, std::size_t token, std::uint32_t flags) {
            ::epoll_event record{.events = flags, .data = {.u64 = token}};
            must(::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &record), "epoll_ctl");
        }
        void remove(const Socket& socket) {
            must(::epoll_ctl(epoll_, EPOLL_CTL_DEL, socket.raw(), nullptr), "epoll_ctl");
        }

        void run() {
            while (!handler_.done()) dispatch(::epoll_wait(epoll_, records_.data(), capacity, -1));
        }
        void poll_now() { dispatch(::epoll_wait(epoll_, records_.data(), capacity, 0)); }
        void pause(std::chrono::nanoseconds time) { dispatch(wait(time)); }

      private:
        static constexpr int capacity = 256;

        // Kernels before 5.11, and some sandboxes, have whole milliseconds only.
        int wait(std::chrono::nanoseconds time) {
            const ::timespec limit{time.count() / 1'000'000'000, time.count() % 1'000'000'000};
            const int count = ::epoll_pwait2(epoll_, records_.data(), capacity, &limit, nullptr);
            if (count != -1 || (errno != ENOSYS && errno != EPERM)) [[likely]]
                return count;
            const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(time);
            return ::epoll_wait(epoll_, records_.data(), capacity, static_cast<int>(milliseconds.count()));
        }

        [[gnu::always_inline]] void dispatch(int count) {
            if (count == -1) [[unlikely]] {
                if (errno == EINTR) return;
                fail("epoll_wait");
            }
            for (int i = 0; i < count; ++i) handler_.ready(records_[static_cast<std::size_t>(i)].data.u64);
        }

        Handler& handler_;
        int epoll_ = must(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
        std::array<::epoll_event, capacity> records_;
    };

    // Each write is an edge, so that the eventfd need not be read.
    template <class Handler> class Waker {
      public:
        Waker(Loop<Handler>& loop, std::size_t token) { loop.add(wakeup_.raw(), token, EPOLLIN | EPOLLET); }
        void wake() const { wakeup_.signal(); }

      private:
        Wakeup wakeup_;
    };
};

} // namespace bench
