// poll(2) without anything between the program and the kernel.

#pragma once

#include "contestants/bare.hpp"

#include <poll.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <vector>

namespace bench {

/// Level-triggered, as poll(2) is.
struct BarePoll : BareSockets {
    template <class Handler> class Loop {
      public:
        explicit Loop(Handler& handler) : handler_(handler) {}
        Loop(const Loop&) = delete;
        Loop& operator=(const Loop&) = delete;

        void add(const Socket& socket, std::size_t token) { add(socket.raw(), token); }
        void add(int descriptor, std::size_t token) {
            records_.push_back({.fd = descriptor, .events = POLLIN, .revents = 0});
            tokens_.push_back(token);
        }
        void remove(const Socket& socket) {
            const auto record = std::ranges::find(records_, socket.raw(), &::pollfd::fd);
            drop(static_cast<std::size_t>(record - records_.begin()));
        }
        void attend(const Wakeup& wakeup, std::size_t token) {
            add(wakeup.raw(), token);
            wakeup_ = &wakeup;
        }

        void run() {
            while (!handler_.done()) dispatch(::poll(records_.data(), size(), -1));
        }
        void poll_now() { dispatch(::poll(records_.data(), size(), 0)); }
        void pause(std::chrono::nanoseconds time) { dispatch(wait(time)); }

      private:
        [[nodiscard]] ::nfds_t size() const { return static_cast<::nfds_t>(records_.size()); }

        int wait(std::chrono::nanoseconds time) {
#if defined(__APPLE__) // no ppoll: whole milliseconds
            const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(time);
            return ::poll(records_.data(), size(), static_cast<int>(milliseconds.count()));
#else
            const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
            const ::timespec limit{static_cast<::time_t>(seconds.count()),
                                   static_cast<long>((time - seconds).count())};
            return ::ppoll(records_.data(), size(), &limit, nullptr);
#endif
        }

        void drop(std::size_t place) {
            records_[place] = records_.back();
            tokens_[place] = tokens_.back();
            records_.pop_back();
            tokens_.pop_back();
        }

        [[gnu::always_inline]] void dispatch(int count) {
            if (count == -1) [[unlikely]] {
                if (errno == EINTR) return;
                fail("poll");
            }
            // By number: a handler may add.
            for (std::size_t i = 0; count > 0 && i < records_.size(); ++i) {
                if (records_[i].revents == 0) continue;
                --count;
                if ((records_[i].revents & POLLNVAL) != 0) { // closed since
                    drop(i--);
                    continue;
                }
                if (wakeup_ != nullptr && records_[i].fd == wakeup_->raw()) wakeup_->drain();
                handler_.ready(tokens_[i]);
            }
        }

        Handler& handler_;
        std::vector<::pollfd> records_;
        std::vector<std::size_t> tokens_;
        const Wakeup* wakeup_ = nullptr;
    };

    template <class Handler> class Waker {
      public:
        Waker(Loop<Handler>& loop, std::size_t token) { loop.attend(wakeup_, token); }
        void wake() const { wakeup_.signal(); }

      private:
        Wakeup wakeup_;
    };
};

} // namespace bench
