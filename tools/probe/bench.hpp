// Workloads of `mio-probe bench`, and the results of their rounds.

#pragma once

#include "bench_statistics.hpp"
#include "commands.hpp"
#include "shared.hpp"

namespace probe::bench {

using Clock = std::chrono::steady_clock;

/// Result of one round of one contestant.
struct Measurement {
    Histogram latencies;
    std::chrono::nanoseconds time{}; ///< of the whole round without its preparation
};

/// Runs one round of about `operations` operations. Throws `Refused`.
using Round = Measurement (*)(std::uint64_t operations);

/// A round of each workload, on one contestant; null for those that it does not have.
struct Rounds {
    Round wake = nullptr;
    Round pingpong = nullptr;
    Round chain = nullptr;
    Round churn = nullptr;
    Round echo = nullptr;
    Round timeout = nullptr;
};

/// Rounds on this library, and on the bare system calls of the backend that `Poll` uses; none for a backend without a
/// bare loop.
Rounds library_rounds();
Rounds bare_rounds();
/// The round of `timeout` on this library, with waits that a `mio::time::Alarm` ends; null where there is no alarm.
Round alarm_round();

/// Rounds on `mio.time` and `mio.async`.
struct AsyncRounds {
    Round coroutine;
    Round sleep;
    Round timers;
    Round await;
    Round spawn;
};
AsyncRounds async_rounds();

/// The quantity that a ratio compares.
enum class Compared {
    time,    ///< the time of a round, for each operation
    latency, ///< the median latency of a round, where the rest of the time is the requested wait
};

/// A workload, on this library and, if possible, on the OS's bare system calls.
struct Workload {
    std::string_view name;
    std::string_view operation; ///< describes one operation, and its latency
    std::uint64_t operations;   ///< of one round
    Compared compared = Compared::time;
    Round on_library;
    Round on_bare_calls = nullptr; ///< null: nothing to compare with
};

/// The workloads that this system has.
std::vector<Workload> workloads();

/// All rounds of one contestant.
struct Tally {
    Histogram latencies;
    std::uint64_t operations = 0;
    std::chrono::nanoseconds time{};
    std::vector<double> compared; ///< the quantity of `ratio`, by round: nanoseconds

    void add(const Measurement& round, const Workload& workload);
    /// Operations a second.
    [[nodiscard]] double rate() const;
};

/// The rounds of both contestants, in pairs.
struct Comparison {
    Workload workload;
    Tally library;
    Tally bare;

    [[nodiscard]] std::size_t rounds() const { return library.compared.size(); }
    [[nodiscard]] bool has_bare() const { return workload.on_bare_calls != nullptr; }
    /// Ratio of this library to the bare calls: above 1, it takes longer. Empty without bare calls or with too few rounds.
    [[nodiscard]] std::optional<Spread> ratio() const {
        if (!has_bare() || rounds() < bench_fewest_pairs) return std::nullopt;
        return paired_ratios(library.compared, bare.compared);
    }
};

/// A page on one workload.
std::string text_of(const Comparison&, const Output&);

/// One JSON document.
std::string json_of(const std::vector<Comparison>&, bool was_interrupted);

/// The names of workloads and what each measures.
std::string table_of(const std::vector<Workload>&, const Output&);
std::string json_of(const std::vector<Workload>&);

/// A progress bar on standard error, which disappears at the end. Draws nothing unless standard error is a terminal.
class Progress {
  public:
    Progress();
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    /// Shows that `part`, from 0 to 1, of `name` is done.
    void show(std::string_view name, double part);
    /// Removes the bar, so that other text can be written.
    void clear();

  private:
    bool is_shown_;
    std::size_t width_; // of the terminal
    std::string drawn_;
};

} // namespace probe::bench
