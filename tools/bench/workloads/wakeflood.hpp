// One thread wakes a loop repeatedly: while no thread polls it, and while another thread does.

#pragma once

#include "contestants/contestant.hpp"
#include "harness/stopwatch.hpp"
#include "harness/suite.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>

namespace bench {

template <Contestant C> class WakeFlood {
  public:
    static constexpr bool is_woken = true;

    Sample unattended(std::uint64_t operations) {
        const Stopwatch stopwatch;
        for (std::uint64_t i = 0; i < operations; ++i) waker_.wake();
        const auto sample = stopwatch.per(operations);
        is_over_ = true;
        loop_.run(); // at least one of them is seen
        return sample;
    }

    Sample attended(std::uint64_t operations) {
        std::thread thread([this] { loop_.run(); });
        const Stopwatch stopwatch;
        for (std::uint64_t i = 0; i < operations; ++i) waker_.wake();
        const auto sample = stopwatch.per(operations);
        is_over_ = true;
        waker_.wake(); // were it lost, the other thread would wait for ever
        thread.join();
        return sample;
    }

    void ready(std::size_t) { has_woken_ = true; }
    [[nodiscard]] bool done() const { return has_woken_ && is_over_.load(); }

  private:
    typename C::template Loop<WakeFlood> loop_{*this};
    typename C::template Waker<WakeFlood> waker_{loop_, 0};
    std::atomic<bool> is_over_ = false;
    bool has_woken_ = false;
};

template <Contestant C> void enter_wakeflood(Suite& suite) {
    suite.enter({"wakeflood", "a wake, no thread polling meanwhile", 50'000}, std::string(C::name),
                [](std::uint64_t operations) { return WakeFlood<C>().unattended(operations); });
    suite.enter({"wakeflood-polled", "a wake, another thread polling meanwhile", 50'000, 64, 2},
                std::string(C::name),
                [](std::uint64_t operations) { return WakeFlood<C>().attended(operations); });
}

} // namespace bench
