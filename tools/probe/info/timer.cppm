/// @file
/// How precisely a poll ends when its time is up.

module;

#include <chrono>

export module probe.info.timer;

namespace probe {

/// How long polls with a short time-out took.
export struct TimerResolution {
    std::chrono::nanoseconds asked;
    std::chrono::nanoseconds fastest;
    std::chrono::nanoseconds median;

    /// False if time-outs are rounded up to whole milliseconds.
    [[nodiscard]] bool is_fine() const noexcept { return median < std::chrono::milliseconds(1); }
};

/// Measures it on the selected backend, which takes some milliseconds.
export TimerResolution measure_timer_resolution();

} // namespace probe
