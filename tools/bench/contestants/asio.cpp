// Standalone Asio, by stream_descriptor::async_wait, its interface for readiness: the loop is compared, so reading
// and writing are the bare calls. Its own reads would try to read first, and wait only if nothing is there.

#include "contestants/contestant.hpp"
#include "contestants/socket.hpp"
#include "harness/failure.hpp"
#include "harness/suite.hpp"
#include "workloads/all.hpp"
#include "workloads/timers.hpp"

#include <asio/basic_waitable_timer.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string_view>
#include <system_error>
#include <vector>

namespace bench {
namespace {

struct Watch {
    ::asio::posix::stream_descriptor descriptor;
    bool* is_gone = nullptr; // to be set for a handler that is running

    explicit Watch(::asio::io_context& context) : descriptor(context) {}
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch() {
        descriptor.release(); // the socket closes it
        if (is_gone != nullptr) *is_gone = true;
    }
};

class Source : public Socket {
  public:
    explicit Source(int descriptor) : Socket(descriptor) {}
    Source(Source&&) noexcept = default;
    Source& operator=(Source&&) = delete;
    ~Source() { unwatch(); }

    Watch& watch(::asio::io_context& context) {
        watch_ = std::make_unique<Watch>(context);
        watch_->descriptor.assign(raw());
        return *watch_;
    }
    void unwatch() { watch_.reset(); }

  private:
    std::unique_ptr<Watch> watch_;
};

struct Asio : Sockets<Source> {
    static constexpr std::string_view name = "asio";

    template <class Handler> class Loop {
      public:
        explicit Loop(Handler& handler) : handler_(handler) {}

        void add(Source& source, std::size_t token) { wait_for(source.watch(context_), token); }
        void remove(Source& source) { source.unwatch(); }

        void run() {
            context_.restart();
            context_.run();
        }
        void poll_now() {
            context_.restart();
            context_.poll();
        }
        void pause(std::chrono::nanoseconds time) {
            timer_.expires_after(time);
            timer_.async_wait([](const std::error_code&) {});
            context_.restart();
            context_.run_one();
        }

        void ready(std::size_t token) {
            handler_.ready(token);
            if (handler_.done()) context_.stop();
        }
        [[nodiscard]] ::asio::io_context& raw() { return context_; }

      private:
        // Waits again after the event was dispatched, so that a descriptor that is still readable causes another event.
        void wait_for(Watch& watch, std::size_t token) {
            watch.descriptor.async_wait(::asio::posix::stream_descriptor::wait_read,
                                        [this, &watch, token](const std::error_code& error) {
                                            if (error) return; // removed, and the watch destroyed
                                            bool is_gone = false;
                                            watch.is_gone = &is_gone;
                                            ready(token);
                                            if (is_gone) return;
                                            watch.is_gone = nullptr;
                                            wait_for(watch, token);
                                        });
        }

        Handler& handler_;
        ::asio::io_context context_{1}; // one thread runs it
        ::asio::executor_work_guard<::asio::io_context::executor_type> guard_{context_.get_executor()};
        ::asio::steady_timer timer_{context_};
    };

    template <class Handler> class Waker {
      public:
        Waker(Loop<Handler>& loop, std::size_t token) : loop_(loop), token_(token) {}
        void wake() const {
            ::asio::post(loop_.raw(), [this] { loop_.ready(token_); });
        }

      private:
        Loop<Handler>& loop_;
        std::size_t token_;
    };
};

// A steady_timer whose clock is the benchmark's. It does not expire: Asio looks for due timers when a timerfd, whose clock
// is the system's, says so.
class AsioTimers {
  public:
    static constexpr std::string_view name = "asio";

    explicit AsioTimers(std::size_t count) {
        Clock::time = {};
        timers_.reserve(count);
        for (std::size_t i = 0; i < count; ++i) timers_.emplace_back(context_);
    }
    void insert(std::size_t timer, std::chrono::nanoseconds time) {
        timers_[timer].expires_at(Clock::time_point(time));
        wait(timer);
    }
    void cancel(std::size_t timer) {
        timers_[timer].cancel();
        context_.poll_one(); // the handler
    }
    void replace(std::size_t timer, std::chrono::nanoseconds time) {
        timers_[timer].expires_at(Clock::time_point(time)); // cancels it
        wait(timer);
        context_.poll_one();
    }

  private:
    struct Clock {
        using duration = std::chrono::nanoseconds;
        using rep = duration::rep;
        using period = duration::period;
        using time_point = std::chrono::time_point<Clock>;
        static inline time_point time{};
        static time_point now() noexcept { return time; }
    };

    void wait(std::size_t timer) {
        timers_[timer].async_wait([](const std::error_code&) {});
    }

    ::asio::io_context context_{1};
    ::asio::executor_work_guard<::asio::io_context::executor_type> guard_{context_.get_executor()};
    std::vector<::asio::basic_waitable_timer<Clock>> timers_;
};

} // namespace

void enter_asio(Suite& suite) {
    enter_workloads<Asio>(suite);
    enter_timers<AsioTimers>(suite);
}

} // namespace bench
