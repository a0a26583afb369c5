/// @file
/// Waits that nothing but their time-out ends.

module;

#include <chrono>
#include <cstddef>
#include <cstdint>

export module probe.bench.timeout;

import probe.bench.contestant;
import probe.bench.workload;

namespace probe::bench {

export template <Contestant C> class Timeout {
  public:
    static void play(std::uint64_t operations, Measurement& measurement) {
        Timeout().run(operations, measurement);
    }

    void ready(std::size_t) {}
    [[nodiscard]] bool is_done() const { return true; }

  private:
    void run(std::uint64_t operations, Measurement& measurement) {
        constexpr std::chrono::microseconds time(50);
        loop_.pause(time); // what is done once, is done
        const auto start = Clock::now();
        auto last = start;
        for (std::uint64_t i = 0; i < operations; ++i) {
            loop_.pause(time);
            const auto now = Clock::now();
            // What a signal ended is no time-out.
            if (now - last >= time) measurement.latencies.record(now - last - time);
            last = now;
        }
        measurement.time = last - start;
    }

    typename C::template Loop<Timeout> loop_{*this};
};

} // namespace probe::bench
