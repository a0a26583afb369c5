// Rounds of the workloads of tools/bench with the latency of each operation.

#pragma once

#include "bench.hpp"

namespace probe::bench {

/// Records the latency of each operation of a workload, from `begin` on.
class Latencies {
  public:
    explicit Latencies(Histogram& histogram) : histogram_(&histogram) {}

    /// Starts to record, after `warm_up` more laps.
    void begin(std::uint64_t warm_up = 0) {
        skip_ = warm_up;
        is_recording_ = true;
        last_ = Clock::now();
    }
    /// Ends an operation that began when the previous one ended.
    void lap() {
        const auto now = Clock::now();
        add(now - last_);
        last_ = now;
    }
    /// Begins and ends an operation that overlaps others.
    void mark(std::size_t operation) {
        if (marks_.size() <= operation) marks_.resize(operation + 1);
        marks_[operation] = Clock::now();
    }
    void record(std::size_t operation) { add(Clock::now() - marks_[operation]); }
    void add(std::chrono::nanoseconds latency) {
        if (!is_recording_) return;
        if (skip_ != 0) {
            --skip_;
        } else {
            histogram_->record(latency);
        }
    }

  private:
    Histogram* histogram_;
    std::vector<Clock::time_point> marks_;
    Clock::time_point last_;
    std::uint64_t skip_ = 0;
    bool is_recording_ = false;
};

/// The round of one workload: `run` gets the hook for latencies and returns the sample.
template <class F> Measurement measured(F run) {
    Measurement measurement;
    const auto sample = run(Latencies(measurement.latencies));
    measurement.time = std::chrono::nanoseconds(
        static_cast<std::int64_t>(sample.time_ns * static_cast<double>(measurement.latencies.count())));
    return measurement;
}

} // namespace probe::bench
