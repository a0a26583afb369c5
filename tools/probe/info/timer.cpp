module;

#include <algorithm>
#include <array>
#include <chrono>

module probe.info.timer;

import mio;
import probe.failure;

namespace probe {

TimerResolution measure_timer_resolution() {
    using namespace std::chrono_literals;
    using Clock = std::chrono::steady_clock;

    constexpr auto asked = 100us;
    auto poll = must(mio::Poll::create(), "Poll::create");
    mio::Events events(1);
    std::array<std::chrono::nanoseconds, 21> took{}; // an odd number has a median of its own
    for (auto& time : took) {
        // No deadline: on a busy machine it would be over before the wait begins, which then is none.
        auto start = Clock::now();
        auto ended = poll.poll(events, asked);
        while (!ended && mio::interrupted(ended.error())) {
            start = Clock::now();
            ended = poll.poll(events, asked);
        }
        must(ended, "Poll::poll");
        time = Clock::now() - start;
    }
    std::ranges::sort(took);
    return {asked, took.front(), took[took.size() / 2]};
}

} // namespace probe
