module;

#include <sys/types.h>

#include <sys/event.h>

#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>

module probe.bench.contestant;

import mio;
import probe.bench.calls;
import probe.bench.kqueue_change;
import probe.bench.kqueue_waker;
import probe.bench.plays;

namespace probe::bench {
namespace {

// kqueue, as one writes it who wants nothing between the program and the kernel.
struct BareKqueue : BareCalls {
    template <class Handler> class Loop {
      public:
        explicit Loop(Handler& handler) : handler_(handler) {}

        void add(const auto& source, std::size_t token) {
            change(raw(), static_cast<std::uintptr_t>(source.raw()), EVFILT_READ, EV_ADD, 0, token);
        }
        void remove(const auto& source) {
            change(raw(), static_cast<std::uintptr_t>(source.raw()), EVFILT_READ, EV_DELETE, 0, 0);
        }

        void run() {
            while (!handler_.is_done()) wait(nullptr);
        }
        void look() { pause({}); }
        void pause(std::chrono::nanoseconds time) {
            const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
            const ::timespec limit{.tv_sec = static_cast<std::time_t>(seconds.count()),
                                   .tv_nsec = static_cast<long>((time - seconds).count())};
            wait(&limit);
        }

        [[nodiscard]] int raw() const noexcept { return kqueue_.get(); }

      private:
        static constexpr int capacity = 256;

        void wait(const ::timespec* limit) {
            const int count = ::kevent(kqueue_.get(), nullptr, 0, records_.data(), capacity, limit);
            if (count == -1 && errno == EINTR) [[unlikely]]
                return;
            checked(count, "kevent");
            for (int i = 0; i < count; ++i) {
                handler_.ready(std::bit_cast<std::size_t>(records_[static_cast<std::size_t>(i)].udata));
            }
        }

        Handler& handler_;
        mio::OwnedHandle kqueue_{checked(::kqueue(), "kqueue")};
        std::array<struct ::kevent, capacity> records_;
    };

    template <class Handler> class Waker {
      public:
        Waker(Loop<Handler>& loop, std::size_t token) : waker_(loop.raw(), token) {}
        void wake() const { waker_.wake(); }

      private:
        KqueueWaker waker_;
    };
};

} // namespace

Plays bare_plays() { return plays_of<BareKqueue>; }

} // namespace probe::bench
