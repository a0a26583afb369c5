module;

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>

module probe.bench.contestant;

import mio;
import probe.bench.calls;
import probe.bench.plays;
import probe.bench.wakeup;

namespace probe::bench {
namespace {

// epoll, as one writes it who wants nothing between the program and the kernel.
struct BareEpoll : BareCalls {
    template <class Handler> class Loop {
      public:
        explicit Loop(Handler& handler) : handler_(handler) {}

        void add(const auto& source, std::size_t token) { add(source.raw(), token, EPOLLIN | EPOLLRDHUP); }
        void add(int descriptor, std::size_t token, std::uint32_t flags) {
            ::epoll_event record{.events = flags, .data = {.u64 = token}};
            checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &record), "epoll_ctl");
        }
        void remove(const auto& source) {
            checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, source.raw(), nullptr), "epoll_ctl");
        }

        void run() {
            while (!handler_.is_done()) hand_on(::epoll_wait(epoll_.get(), records_.data(), capacity, -1));
        }
        void look() { hand_on(::epoll_wait(epoll_.get(), records_.data(), capacity, 0)); }
        void pause(std::chrono::nanoseconds time) { hand_on(wait(time)); }

      private:
        static constexpr int capacity = 256;

        // A kernel older than 5.11, or a sandbox, has whole milliseconds only.
        int wait(std::chrono::nanoseconds time) {
            const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
            const ::timespec limit{.tv_sec = static_cast<std::time_t>(seconds.count()),
                                   .tv_nsec = static_cast<long>((time - seconds).count())};
            const int count = ::epoll_pwait2(epoll_.get(), records_.data(), capacity, &limit, nullptr);
            if (count != -1 || (errno != ENOSYS && errno != EPERM)) [[likely]]
                return count;
            const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(time);
            return ::epoll_wait(epoll_.get(), records_.data(), capacity,
                                static_cast<int>(milliseconds.count()));
        }

        void hand_on(int count) {
            if (count == -1 && errno == EINTR) [[unlikely]]
                return;
            checked(count, "epoll_wait");
            for (int i = 0; i < count; ++i) handler_.ready(records_[static_cast<std::size_t>(i)].data.u64);
        }

        Handler& handler_;
        mio::OwnedHandle epoll_{checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")};
        std::array<::epoll_event, capacity> records_;
    };

    // Each write is an edge, so that it need not be drained.
    template <class Handler> class Waker {
      public:
        Waker(Loop<Handler>& loop, std::size_t token) { loop.add(wakeup_.raw(), token, EPOLLIN | EPOLLET); }
        void wake() const { wakeup_.signal(); }

      private:
        Wakeup wakeup_;
    };
};

} // namespace

Plays bare_plays() { return plays_of<BareEpoll>; }

} // namespace probe::bench
