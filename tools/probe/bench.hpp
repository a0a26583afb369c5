// Workloads of `mio-probe bench`, and the results of their rounds.

#pragma once

#include "bench_statistics.hpp"
#include "shared.hpp"

namespace probe::bench {

using Clock = std::chrono::steady_clock;

/// What one round of one contestant came to.
struct Measurement {
    Histogram latencies;
    std::chrono::nanoseconds time{}; ///< of the whole round, without what prepared it
};

/// Runs one round of about `operations`. Throws `Refused`.
using Round = Measurement (*)(std::uint64_t operations);

/// A round of each workload, on one contestant.
struct Rounds {
    Round wake;
    Round pingpong;
    Round chain;
    Round churn;
    Round echo;
    Round timeout;
};

/// Rounds on this library, and on the system calls of the backend that `Poll` uses.
Rounds library_rounds();
Rounds bare_rounds();

/// What a ratio compares.
enum class Compared {
    time,    ///< the time of a round, for each operation
    latency, ///< the median of the latencies of a round, where the rest is waiting that was asked for
};

/// Something to do, on this library and on the bare calls of the OS.
struct Workload {
    std::string_view name;
    std::string_view operation; ///< what one operation is, and its latency
    std::uint64_t operations;   ///< of one round
    Compared compared = Compared::time;
    Round on_library;
    Round on_bare_calls;
};

/// All of them; none where no loop is written on the bare calls of the backend that `Poll` uses.
std::vector<Workload> workloads();

/// All rounds of one contestant.
struct Tally {
    Histogram latencies;
    std::uint64_t operations = 0;
    std::chrono::nanoseconds time{};
    std::vector<double> compared; ///< by round, what the ratio is of: nanoseconds

    void add(const Measurement& round, const Workload& workload);
    /// Operations a second.
    [[nodiscard]] double rate() const;
};

/// Both of them side by side, the rounds in pairs.
struct Comparison {
    Workload workload;
    Tally library;
    Tally bare;

    [[nodiscard]] std::size_t rounds() const { return bare.compared.size(); }
    /// Of this library to the bare calls: above 1 it takes longer.
    [[nodiscard]] Spread ratio() const { return paired_ratios(library.compared, bare.compared); }
};

/// A page on one workload.
std::string text_of(const Comparison&, const Output&);

/// One JSON document.
std::string json_of(const std::vector<Comparison>&, bool was_interrupted);

/// The names of workloads and what each measures.
std::string table_of(const std::vector<Workload>&, const Output&);
std::string json_of(const std::vector<Workload>&);

/// A line that is drawn again and again, and goes away at the end. Nothing where standard error is no terminal.
class Progress {
  public:
    Progress();
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    /// Shows that `part`, from 0 to 1, of what `name` is for is done.
    void show(std::string_view name, double part);
    /// Takes the line away, so that other text can be written.
    void clear();

  private:
    bool is_shown_;
    std::string drawn_;
};

} // namespace probe::bench
