// libuv, by uv_poll_t: the loop is compared, so reading and writing are the bare calls.

#include "contestants/contestant.hpp"
#include "contestants/socket.hpp"
#include "harness/failure.hpp"
#include "harness/suite.hpp"
#include "workloads/all.hpp"

#include <uv.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace bench {
namespace {

void check(int result, const char* what) {
    if (result < 0) [[unlikely]]
        fail(what, -result);
}

// libuv frees a handle only in the next turn of its loop, so that it cannot be a member.
struct Watch {
    ::uv_poll_t poll;
    void* loop;
    std::size_t token;
};

class Source : public Socket {
  public:
    explicit Source(int descriptor) : Socket(descriptor) {}
    Source(Source&& other) noexcept
        : Socket(std::move(other)), watch_(std::exchange(other.watch_, nullptr)) {}
    Source& operator=(Source&&) = delete;
    ~Source() { unwatch(); }

    Watch& watch(::uv_loop_t& loop) {
        watch_ = new Watch{};
        check(::uv_poll_init(&loop, &watch_->poll, raw()), "uv_poll_init");
        watch_->poll.data = watch_;
        return *watch_;
    }
    void unwatch() {
        if (watch_ == nullptr) return;
        ::uv_close(reinterpret_cast<::uv_handle_t*>(&watch_->poll),
                   [](::uv_handle_t* handle) { delete static_cast<Watch*>(handle->data); });
        watch_ = nullptr;
    }

  private:
    Watch* watch_ = nullptr;
};

struct Libuv : Sockets<Source> {
    static constexpr std::string_view name = "libuv";

    template <class Handler> class Loop {
      public:
        explicit Loop(Handler& handler) : handler_(handler) {
            check(::uv_loop_init(&loop_), "uv_loop_init");
            check(::uv_timer_init(&loop_, &timer_), "uv_timer_init");
        }
        Loop(const Loop&) = delete;
        Loop& operator=(const Loop&) = delete;
        ~Loop() {
            ::uv_close(reinterpret_cast<::uv_handle_t*>(&timer_), nullptr);
            ::uv_run(&loop_, UV_RUN_DEFAULT); // what was closed is freed
            check(::uv_loop_close(&loop_), "uv_loop_close");
        }

        void add(Source& source, std::size_t token) {
            auto& watch = source.watch(loop_);
            watch.loop = this;
            watch.token = token;
            check(::uv_poll_start(&watch.poll, UV_READABLE, on_ready), "uv_poll_start");
        }
        void remove(Source& source) { source.unwatch(); }

        void run() { ::uv_run(&loop_, UV_RUN_DEFAULT); }
        void poll_now() { ::uv_run(&loop_, UV_RUN_NOWAIT); }
        // In whole milliseconds, at least one.
        void pause(std::chrono::nanoseconds time) {
            const auto limit = std::chrono::ceil<std::chrono::milliseconds>(time).count();
            ::uv_update_time(&loop_); // else it counts from the end of the turn before
            check(::uv_timer_start(
                      &timer_, [](::uv_timer_t*) {}, static_cast<std::uint64_t>(limit), 0),
                  "uv_timer_start");
            ::uv_run(&loop_, UV_RUN_ONCE);
        }

        void ready(std::size_t token) {
            handler_.ready(token);
            if (handler_.done()) ::uv_stop(&loop_);
        }
        [[nodiscard]] ::uv_loop_t* raw() { return &loop_; }

      private:
        static void on_ready(::uv_poll_t* poll, int status, int) {
            check(status, "polling");
            const auto& watch = *static_cast<Watch*>(poll->data);
            static_cast<Loop*>(watch.loop)->ready(watch.token);
        }

        Handler& handler_;
        ::uv_loop_t loop_;
        ::uv_timer_t timer_;
    };

    template <class Handler> class Waker {
      public:
        Waker(Loop<Handler>& loop, std::size_t token) : body_(new Body{{}, &loop, token}) {
            check(::uv_async_init(loop.raw(), &body_->async,
                                  [](::uv_async_t* async) {
                                      const auto& body = *static_cast<Body*>(async->data);
                                      body.loop->ready(body.token);
                                  }),
                  "uv_async_init");
            body_->async.data = body_;
        }
        Waker(const Waker&) = delete;
        Waker& operator=(const Waker&) = delete;
        ~Waker() {
            ::uv_close(reinterpret_cast<::uv_handle_t*>(&body_->async),
                       [](::uv_handle_t* handle) { delete static_cast<Body*>(handle->data); });
        }
        void wake() const { check(::uv_async_send(&body_->async), "uv_async_send"); }

      private:
        struct Body {
            ::uv_async_t async;
            Loop<Handler>* loop;
            std::size_t token;
        };
        Body* body_;
    };
};

} // namespace

void enter_libuv(Suite& suite) { enter_workloads<Libuv>(suite); }

} // namespace bench
