module;

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <vector>

module probe.bench.contestant;

import mio;
import probe.bench.calls;
import probe.bench.plays;
import probe.bench.poll_wait;
import probe.bench.wakeup;

namespace probe::bench {
namespace {

// poll(2), as one writes it who wants nothing between the program and the kernel.
struct BarePoll : BareCalls {
    template <class Handler> class Loop {
      public:
        explicit Loop(Handler& handler) : handler_(handler) {}

        void add(const auto& source, std::size_t token) { add(source.raw(), token); }
        void add(int descriptor, std::size_t token) {
            records_.push_back({.fd = descriptor, .events = POLLIN, .revents = 0});
            tokens_.push_back(token);
        }
        void remove(const auto& source) {
            const auto record = std::ranges::find(records_, source.raw(), &::pollfd::fd);
            const auto token = tokens_.begin() + std::distance(records_.begin(), record);
            *record = records_.back();
            *token = tokens_.back();
            records_.pop_back();
            tokens_.pop_back();
        }
        void attend(const Wakeup& wakeup, std::size_t token) {
            add(wakeup.raw(), token);
            wakeup_ = &wakeup;
        }

        void run() {
            while (!handler_.is_done()) hand_on(::poll(records_.data(), size(), -1));
        }
        void look() { hand_on(::poll(records_.data(), size(), 0)); }
        void pause(std::chrono::nanoseconds time) { hand_on(wait(records_.data(), records_.size(), time)); }

      private:
        [[nodiscard]] ::nfds_t size() const { return static_cast<::nfds_t>(records_.size()); }

        void hand_on(int count) {
            if (count == -1 && errno == EINTR) [[unlikely]]
                return;
            checked(count, "poll");
            // By number: a handler may add.
            for (std::size_t i = 0; count > 0 && i < records_.size(); ++i) {
                if (records_[i].revents == 0) continue;
                --count;
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

} // namespace

Plays bare_plays() { return plays_of<BarePoll>; }

} // namespace probe::bench
