#include "bench.hpp"
#include "commands.hpp"
#include "machine.hpp"

namespace probe {

namespace {

using bench::Clock;
using bench::Comparison;
using bench::Measurement;
using bench::Progress;
using bench::Workload;

std::vector<Workload> chosen_workloads(const std::vector<std::string>& names) {
    const auto all = bench::workloads();
    if (names.empty()) return all;
    std::vector<Workload> some;
    for (const auto& name : names) {
        const auto found = std::ranges::find(all, name, &Workload::name);
        if (found == all.end()) {
            std::vector<std::string_view> known;
            for (const auto& workload : all) known.push_back(workload.name);
            throw WrongUsage{"NAME '" + name
                             + "': there is no workload of that name; see: mio-probe bench --list"
                             + did_you_mean(name, known)};
        }
        some.push_back(*found);
    }
    return some;
}

// The limits of one workload: rounds, time or both.
class Budget {
  public:
    explicit Budget(const BenchOptions& options) : rounds_(options.rounds), time_(options.time) {
        if (!rounds_ && !time_) time_ = bench_default_time;
    }

    /// The part of the limit that so many rounds and so much time use up; 1 or more at its end.
    [[nodiscard]] double used(std::uint64_t rounds, Clock::duration time) const {
        using Seconds = std::chrono::duration<double>;
        double part = 0;
        if (rounds_) part = static_cast<double>(rounds) / static_cast<double>(*rounds_);
        if (time_) part = std::max(part, Seconds(time) / Seconds(*time_));
        return part;
    }

  private:
    std::optional<std::uint64_t> rounds_;
    std::optional<std::chrono::milliseconds> time_;
};

Measurement round(const Workload& workload, bench::Round run) {
    try {
        return run(workload.operations);
    } catch (Refused& refused) {
        refused.call = std::string(workload.name) + ": " + refused.call;
        if (refused.explanation.empty()) refused.explanation = loopback_explanation(refused.error);
        throw;
    }
}

// Runs one round of each, alternating the order, so that other load on the machine affects both.
void add_rounds(Comparison& comparison, bool library_first) {
    const auto& workload = comparison.workload;
    const auto add_library = [&] { comparison.library.add(round(workload, workload.on_library), workload); };
    if (library_first) add_library();
    if (comparison.has_bare()) comparison.bare.add(round(workload, workload.on_bare_calls), workload);
    if (!library_first) add_library();
}

// Measures at least one round, or pair of rounds.
Comparison measure(const Workload& workload, const Budget& budget, const Interrupt& interrupt,
                   Progress& progress) {
    Comparison comparison{workload, {}, {}};
    progress.show(workload.name, 0);
    // Warm-up: the first to run would pay for one-time work such as growing the heap.
    static_cast<void>(round(workload, workload.on_library));
    if (comparison.has_bare()) static_cast<void>(round(workload, workload.on_bare_calls));
    const auto start = Clock::now();
    double used = 0;
    do {
        add_rounds(comparison, comparison.rounds() % 2 == 0);
        used = budget.used(comparison.rounds(), Clock::now() - start);
        progress.show(workload.name, used);
    } while (used < 1 && !interrupt.requested());
    progress.clear();
    return comparison;
}

} // namespace

ExitStatus run(const BenchOptions& options) {
    const auto workloads = chosen_workloads(options.workloads);
    Output output;
    if (options.list) {
        output.write(options.json ? bench::json_of(workloads) : bench::table_of(workloads, output));
        return ExitStatus::done;
    }

    const Interrupt interrupt;
    const Budget budget(options);
    Progress progress;
    std::vector<Comparison> all;
    for (const auto& workload : workloads) {
        if (interrupt.requested() || output.closed()) break;
        auto comparison = measure(workload, budget, interrupt, progress);
        if (!options.json) output.write((all.empty() ? "" : "\n") + bench::text_of(comparison, output));
        all.push_back(std::move(comparison));
    }

    if (options.json) {
        output.write(bench::json_of(all, interrupt.requested()));
    } else if (interrupt.requested()) {
        output.write(output.styled("interrupted: the rest was not measured\n", Style::faint));
    }
    return ExitStatus::done;
}

} // namespace probe
