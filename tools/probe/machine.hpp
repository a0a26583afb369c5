// Facts about the machine: system, facilities, limits and timer resolution.

#pragma once

#include "std.hpp"

namespace probe {

/// The operating system that runs.
struct System {
    std::string name;         ///< "Linux"
    std::string kernel;       ///< "6.18.44"
    std::string machine;      ///< "x86_64"
    std::string distribution; ///< "Debian GNU/Linux 12 (bookworm)", if the system says so
};

System system();

/// A facility that the kernel or a sandbox may lack, and the result of trying it.
struct Facility {
    std::string name;
    std::string purpose;   ///< what the library or an operator uses it for
    std::error_code error; ///< why it cannot be used; none if it can
};

/// Tries every facility that matters on this platform. Written once for each kind of system.
std::vector<Facility> facilities();

/// A limit of the system or the process.
struct Limit {
    std::string name;
    std::string value;     ///< empty if unknown
    std::string purpose;   ///< what it limits
    std::error_code error; ///< the reason if unknown
};

/// Tries a TCP connection from this machine to itself, over 127.0.0.1 or ::1.
std::error_code try_loopback_v4();
std::error_code try_loopback_v6();

/// Explains an error of a connection of this machine to itself, over 127.0.0.1 or ::1: that no such connection succeeds,
/// and the remedy. Empty if one succeeds, or if it fails for lack of descriptors or the like.
std::string loopback_explanation(const std::error_code& error, bool is_v4 = true);

/// The interface of the loopback addresses.
struct LoopbackInterface {
    std::string name; ///< "lo"
    bool is_up = false;
};

/// Empty if the system has none or does not show its interfaces.
std::optional<LoopbackInterface> loopback_interface();

/// The limits of this process.
std::vector<Limit> process_limits();

/// The limits that the whole system sets. Written once for each kind of system.
std::vector<Limit> system_limits();

/// Durations of polls with a short timeout.
struct TimerResolution {
    std::chrono::nanoseconds asked;
    std::chrono::nanoseconds fastest;
    std::chrono::nanoseconds median;

    /// False if timeouts are rounded up to whole milliseconds. One poll that ends earlier shows that they are not; the
    /// median may be longer on a busy machine.
    [[nodiscard]] bool is_fine() const noexcept { return fastest < std::chrono::milliseconds(1); }
};

/// Measures it on the selected backend, which takes some milliseconds.
TimerResolution measure_timer_resolution();

} // namespace probe
