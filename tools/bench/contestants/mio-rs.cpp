// Rust's Mio, by its Poll, SourceFd and Waker behind a C interface: the loop is compared, so reading and writing are the
// bare calls. A poll returns the tokens of its events in one call.

#include "contestants/mio-rs/mio_rs.hpp"

#include "contestants/contestant.hpp"
#include "contestants/socket.hpp"
#include "harness/failure.hpp"
#include "harness/suite.hpp"
#include "workloads/all.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace bench {
namespace {

int check(int result, const char* what) {
    if (result < 0) [[unlikely]]
        fail(what, -result);
    return result;
}

template <class T> T* made(T* what, const char* by) {
    if (what == nullptr) fail(by);
    return what;
}

struct MioRs : Sockets<Socket> {
    static constexpr std::string_view name = "mio-rs";

    template <class Handler> class Loop {
      public:
        explicit Loop(Handler& handler) : handler_(handler) {}
        Loop(const Loop&) = delete;
        Loop& operator=(const Loop&) = delete;
        ~Loop() { ::mio_rs_free(loop_); }

        void add(const Socket& socket, std::size_t token) {
            check(::mio_rs_add(loop_, socket.raw(), token), "Registry::register");
        }
        void remove(const Socket& socket) {
            check(::mio_rs_remove(loop_, socket.raw()), "Registry::deregister");
        }

        void run() {
            while (!handler_.done()) poll(-1);
        }
        void poll_now() { poll(0); }
        // In whole milliseconds: it has no other, and rounds down.
        void pause(std::chrono::nanoseconds time) {
            poll(std::chrono::ceil<std::chrono::milliseconds>(time).count());
        }

        [[nodiscard]] const ::mio_rs_loop* raw() const { return loop_; }

      private:
        static constexpr std::size_t capacity = 256;

        void poll(std::int64_t limit_ms) {
            const int count = check(::mio_rs_poll(loop_, limit_ms, tokens_.data()), "Poll::poll");
            for (int i = 0; i < count; ++i) handler_.ready(tokens_[static_cast<std::size_t>(i)]);
        }

        Handler& handler_;
        ::mio_rs_loop* loop_ = made(::mio_rs_new(capacity), "Poll::new");
        std::array<std::size_t, capacity> tokens_;
    };

    template <class Handler> class Waker {
      public:
        Waker(Loop<Handler>& loop, std::size_t token)
            : waker_(made(::mio_rs_waker_new(loop.raw(), token), "Waker::new")) {}
        Waker(const Waker&) = delete;
        Waker& operator=(const Waker&) = delete;
        ~Waker() { ::mio_rs_waker_free(waker_); }
        void wake() const { check(::mio_rs_wake(waker_), "Waker::wake"); }

      private:
        ::mio_rs_waker* waker_;
    };
};

} // namespace

void enter_mio_rs(Suite& suite) { enter_workloads<MioRs>(suite); }

} // namespace bench
