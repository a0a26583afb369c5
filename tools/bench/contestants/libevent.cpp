// libevent, by persistent edge-triggered events: the loop is compared, so reading and writing are the bare calls.

#include "contestants/contestant.hpp"
#include "contestants/socket.hpp"
#include "harness/failure.hpp"
#include "harness/suite.hpp"
#include "workloads/all.hpp"

#include <event2/event.h>
#include <event2/thread.h>

#include <sys/time.h>

#include <chrono>
#include <cstddef>
#include <string_view>
#include <utility>

namespace bench {
namespace {

template <class T> T* made(T* what, const char* by) {
    if (what == nullptr) fail(by);
    return what;
}

struct Watch {
    void* loop;
    std::size_t token;
    ::event* body;
};

class Source : public Socket {
  public:
    explicit Source(int descriptor) : Socket(descriptor) {}
    Source(Source&& other) noexcept
        : Socket(std::move(other)), watch_(std::exchange(other.watch_, nullptr)) {}
    Source& operator=(Source&&) = delete;
    ~Source() { unwatch(); }

    void watch(::event_base* base, void* loop, std::size_t token, ::event_callback_fn on_ready) {
        watch_ = new Watch{loop, token, nullptr};
        watch_->body =
            made(::event_new(base, raw(), EV_READ | EV_PERSIST | EV_ET, on_ready, watch_), "event_new");
        must(::event_add(watch_->body, nullptr), "event_add");
    }
    void unwatch() {
        if (watch_ == nullptr) return;
        ::event_free(watch_->body); // and deletes it before
        delete std::exchange(watch_, nullptr);
    }

  private:
    Watch* watch_ = nullptr;
};

struct Libevent : Sockets<Source> {
    static constexpr std::string_view name = "libevent";

    template <class Handler> class Loop {
      public:
        explicit Loop(Handler& handler) : handler_(handler) {
            auto* config = made(::event_config_new(), "event_config_new");
            if constexpr (!requires { Handler::is_woken; })
                ::event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
            // Without it time is counted in ticks of the kernel, of 4 ms here.
            if constexpr (requires { Handler::is_timed; })
                ::event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
            base_ = made(::event_base_new_with_config(config), "event_base_new_with_config");
            ::event_config_free(config);
        }
        Loop(const Loop&) = delete;
        Loop& operator=(const Loop&) = delete;
        ~Loop() { ::event_base_free(base_); }

        void add(Source& source, std::size_t token) { source.watch(base_, this, token, on_ready); }
        void remove(Source& source) { source.unwatch(); }

        void run() { must(::event_base_loop(base_, EVLOOP_NO_EXIT_ON_EMPTY), "event_base_loop"); }
        void poll_now() { must(::event_base_loop(base_, EVLOOP_NONBLOCK), "event_base_loop"); }
        void pause(std::chrono::nanoseconds time) {
            const auto whole = std::chrono::ceil<std::chrono::microseconds>(time).count();
            const ::timeval limit{.tv_sec = whole / 1'000'000, .tv_usec = whole % 1'000'000};
            must(::event_base_once(
                     base_, -1, EV_TIMEOUT, [](int, short, void*) {}, nullptr, &limit),
                 "event_base_once");
            must(::event_base_loop(base_, EVLOOP_ONCE), "event_base_loop");
        }

        void ready(std::size_t token) {
            handler_.ready(token);
            if (handler_.done()) ::event_base_loopbreak(base_);
        }
        [[nodiscard]] ::event_base* raw() { return base_; }

        static void on_ready(int, short, void* argument) {
            const auto& watch = *static_cast<Watch*>(argument);
            static_cast<Loop*>(watch.loop)->ready(watch.token);
        }

      private:
        Handler& handler_;
        ::event_base* base_;
    };

    template <class Handler> class Waker {
      public:
        Waker(Loop<Handler>& loop, std::size_t token)
            : watch_{&loop, token,
                     made(::event_new(loop.raw(), -1, EV_PERSIST, Loop<Handler>::on_ready, &watch_),
                          "event_new")} {}
        Waker(const Waker&) = delete;
        Waker& operator=(const Waker&) = delete;
        ~Waker() { ::event_free(watch_.body); }

        void wake() const { ::event_active(watch_.body, EV_READ, 0); }

      private:
        Watch watch_;
    };
};

} // namespace

void enter_libevent(Suite& suite) {
    must(::evthread_use_pthreads(), "evthread_use_pthreads"); // for wakers; other loops do without locks
    enter_workloads<Libevent>(suite);
}

} // namespace bench
