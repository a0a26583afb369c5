/// @file
/// Sources that are added and removed all the time.

module;

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

export module probe.bench.churn;

import mio;
import probe.bench.contestant;
import probe.bench.workload;
import probe.failure;

namespace probe::bench {

export template <Contestant C> class Churn {
  public:
    static void play(std::uint64_t operations, Measurement& measurement) {
        Churn().run(operations, measurement);
    }

    void ready(std::size_t) {}
    [[nodiscard]] bool is_done() const { return true; }

  private:
    void run(std::uint64_t operations, Measurement& measurement) {
        for (int i = 0; i < 64; ++i) add_and_remove(); // what is done once, is done
        const auto start = Clock::now();
        auto last = start;
        for (std::uint64_t i = 0; i < operations; ++i) {
            add_and_remove();
            const auto now = Clock::now();
            measurement.latencies.record(now - last);
            last = now;
        }
        measurement.time = last - start;
    }

    // Looking is part of it, lest what a contestant puts off be left out.
    void add_and_remove() {
        loop_.add(pair_.first, 0);
        loop_.look();
        loop_.remove(pair_.first);
    }

    typename C::template Loop<Churn> loop_{*this};
    std::pair<mio::net::UnixStream, mio::net::UnixStream> pair_ =
        must(mio::net::UnixStream::pair(), "socketpair");
};

} // namespace probe::bench
