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
        const auto start = Clock::now();
        must(poll.poll_until(events, start + asked), "Poll::poll_until"); // which no signal ends early
        time = Clock::now() - start;
    }
    std::ranges::sort(took);
    return {asked, took.front(), took[took.size() / 2]};
}

} // namespace probe
