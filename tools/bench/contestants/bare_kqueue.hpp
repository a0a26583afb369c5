// kqueue without anything between the program and the kernel.

#pragma once

#include "contestants/bare.hpp"

#include <sys/types.h>

#include <sys/event.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace bench {

/// Level-triggered.
struct BareKqueue : BareSockets {
    static void change(int kqueue, std::uintptr_t ident, int filter, unsigned flags, unsigned fflags,
                       std::size_t token) {
        struct ::kevent record{};
        record.ident = ident;
        record.filter = static_cast<decltype(record.filter)>(filter);
        record.flags = static_cast<decltype(record.flags)>(flags);
        record.fflags = static_cast<decltype(record.fflags)>(fflags);
        // A pointer on most systems, a number on some.
        record.udata = std::bit_cast<decltype(record.udata)>(token);
        must(::kevent(kqueue, &record, 1, nullptr, 0, nullptr), "kevent");
    }

    template <class Handler> class Loop {
      public:
        explicit Loop(Handler& handler) : handler_(handler) {}
        Loop(const Loop&) = delete;
        Loop& operator=(const Loop&) = delete;
        ~Loop() { ::close(kqueue_); }

        void add(const Socket& socket, std::size_t token) {
            change(kqueue_, static_cast<std::uintptr_t>(socket.raw()), EVFILT_READ, EV_ADD, 0, token);
        }
        void remove(const Socket& socket) {
            change(kqueue_, static_cast<std::uintptr_t>(socket.raw()), EVFILT_READ, EV_DELETE, 0, 0);
        }

        void run() {
            while (!handler_.done()) wait(nullptr);
        }
        void poll_now() { pause({}); }
        void pause(std::chrono::nanoseconds time) {
            const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
            const ::timespec limit{static_cast<::time_t>(seconds.count()),
                                   static_cast<long>((time - seconds).count())};
            wait(&limit);
        }

        [[nodiscard]] int raw() const noexcept { return kqueue_; }

      private:
        static constexpr int capacity = 256;

        void wait(const ::timespec* limit) {
            const int count = ::kevent(kqueue_, nullptr, 0, records_.data(), capacity, limit);
            if (count == -1) [[unlikely]] {
                if (errno == EINTR) return;
                fail("kevent");
            }
            for (int i = 0; i < count; ++i) {
                handler_.ready(std::bit_cast<std::size_t>(records_[static_cast<std::size_t>(i)].udata));
            }
        }

        Handler& handler_;
        int kqueue_ = must(::kqueue(), "kqueue");
        std::array<struct ::kevent, capacity> records_;
    };

    // Each wake is an edge: of the kqueue's own event, or of a wake-up that need not be drained, since there is room for
    // all wakes of a round.
    template <class Handler> class Waker {
      public:
#if defined(EVFILT_USER)
        Waker(Loop<Handler>& loop, std::size_t token) : kqueue_(loop.raw()), token_(token) {
            change(kqueue_, 0, EVFILT_USER, EV_ADD | EV_CLEAR, 0, token_);
        }
        void wake() const { change(kqueue_, 0, EVFILT_USER, 0, NOTE_TRIGGER, token_); }

      private:
        int kqueue_;
        std::size_t token_;
#else
        Waker(Loop<Handler>& loop, std::size_t token) {
            change(loop.raw(), static_cast<std::uintptr_t>(wakeup_.raw()), EVFILT_READ, EV_ADD | EV_CLEAR, 0,
                   token);
        }
        void wake() const { wakeup_.signal(); }

      private:
        Wakeup wakeup_;
#endif
    };
};

} // namespace bench
