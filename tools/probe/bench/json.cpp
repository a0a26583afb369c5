module;

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

module probe.bench.report;

import mio;
import probe.bench.statistics;
import probe.bench.workload;
import probe.build_info;

namespace probe::bench {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const Histogram& histogram) {
    if (histogram.empty()) return Json::array();
    const auto marks = scale(histogram.minimum(), histogram.at(0.99), 40);
    const std::vector<std::chrono::nanoseconds> limits(marks.begin() + 1, marks.end());
    const auto counts = histogram.counts_below(limits);
    auto ranges = Json::array();
    for (std::size_t i = 0; i < counts.size(); ++i) {
        Json range{{"from_ns", marks[i].count()}, {"to_ns", nullptr}, {"count", counts[i]}};
        if (i < limits.size()) range["to_ns"] = limits[i].count();
        ranges.push_back(std::move(range));
    }
    return ranges;
}

Json to_json(const Tally& tally) {
    const auto& latencies = tally.latencies;
    return {{"operations", tally.operations},
            {"operations_per_second", tally.rate()},
            {"latency_ns",
             {{"minimum", latencies.minimum().count()},
              {"median", latencies.at(0.5).count()},
              {"p99", latencies.at(0.99).count()},
              {"maximum", latencies.maximum().count()}}},
            {"histogram", to_json(latencies)}};
}

Json to_json(const Comparison& comparison) {
    const auto ratio = comparison.ratio();
    return {{"name", comparison.workload.name},
            {"operation", comparison.workload.operation},
            {"rounds", comparison.rounds()},
            {"ratio",
             {{"of", comparison.workload.compared == Compared::time ? "time" : "latency"},
              {"minimum", ratio.minimum},
              {"median", ratio.median},
              {"maximum", ratio.maximum}}},
            {"mio", to_json(comparison.library)},
            {"bare", to_json(comparison.bare)}};
}

} // namespace

std::string json_of(const std::vector<Comparison>& comparisons, bool was_interrupted) {
    auto list = Json::array();
    for (const auto& comparison : comparisons) list.push_back(to_json(comparison));
    const Json json{{"version", version()},           {"backend", mio::backend()},
                    {"compiler", compiler()},         {"standard_library", standard_library()},
                    {"interrupted", was_interrupted}, {"workloads", std::move(list)}};
    return json.dump(2) + '\n';
}

std::string json_of(const std::vector<Workload>& workloads) {
    auto list = Json::array();
    for (const auto& workload : workloads) {
        list.push_back({{"name", workload.name}, {"operation", workload.operation}});
    }
    return list.dump(2) + '\n';
}

} // namespace probe::bench
