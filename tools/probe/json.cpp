#include <nlohmann/json.hpp>

#include "bench.hpp"
#include "doctor.hpp"
#include "events.hpp"
#include "json.hpp"
#include "trace.hpp"
#include "watch.hpp"

namespace probe {
namespace {

using Json = nlohmann::ordered_json;

// ASCII only: control characters and bidirectional controls become \u escapes, which decode to the same text. Bytes that
// are not UTF-8 become U+FFFD.
std::string text_of(const Json& json, int indent) {
    return json.dump(indent, ' ', true, Json::error_handler_t::replace) + '\n';
}

// Every document begins with the same members; see docs/probe.md.
std::string document(std::string_view command, Json members) {
    Json json{
        {"schema", json_schema}, {"command", command}, {"version", version()}, {"backend", mio::backend()}};
    json.update(members);
    return text_of(json, 2);
}

long long microseconds(std::chrono::nanoseconds time) {
    return std::chrono::round<std::chrono::microseconds>(time).count();
}

Json to_json(const System& system) {
    return {{"name", system.name},
            {"kernel", system.kernel},
            {"machine", system.machine},
            {"distribution", system.distribution}};
}

Json to_json(const Facility& facility) {
    Json json{{"name", facility.name}, {"available", !facility.error}, {"purpose", facility.purpose}};
    if (facility.error) json["error"] = error_text(facility.error);
    return json;
}

Json to_json(const TimerResolution& timer) {
    return {{"finer_than_a_millisecond", timer.is_fine()},
            {"asked_us", microseconds(timer.asked)},
            {"fastest_us", microseconds(timer.fastest)},
            {"median_us", microseconds(timer.median)}};
}

Json to_json(const std::expected<TimerResolution, Refused>& timer) {
    if (timer) return to_json(*timer);
    return {{"error", message_of(timer.error())}};
}

Json to_json(const Limit& limit) {
    Json json{{"name", limit.name}, {"purpose", limit.purpose}};
    if (limit.error) {
        json["error"] = error_text(limit.error);
    } else {
        json["value"] = limit.value;
    }
    return json;
}

template <class T> Json to_json(const std::vector<T>& list) {
    auto json = Json::array();
    for (const auto& item : list) json.push_back(to_json(item));
    return json;
}

Json to_json(const Check& check) {
    Json json{{"name", check.name}, {"verdict", name_of(check.verdict)}, {"finding", check.finding}};
    if (check.error) json["error"] = error_text(check.error);
    if (!check.advice.empty()) json["advice"] = check.advice;
    return json;
}

Json to_json(const Backend& backend, const mio::Event& record) {
    return {{"readiness", names(record.readiness())},
            {"raw", backend.describe(record)},
            {"flags", record.raw_flags()},
            {"detail", record.raw_detail()},
            {"filter", record.raw_filter()}};
}

Json to_json(const BackendResult& result, bool check) {
    Json steps = Json::array();
    for (const auto& step : result.steps) {
        Json records = Json::array();
        for (const auto& record : step.records) records.push_back(to_json(result.backend, record));
        steps.push_back(
            {{"step", step.name}, {"supported", !step.is_unsupported}, {"records", std::move(records)}});
    }
    Json json{{"backend", result.backend.name}, {"steps", std::move(steps)}};
    if (!check) return json;
    json["differences"] = Json::array();
    for (const auto& difference : result.differences) {
        json["differences"].push_back(
            {{"step", difference.step}, {"documented", difference.documented}, {"seen", difference.seen}});
    }
    return json;
}

Json to_json(const ScenarioResult& outcome, bool check) {
    Json results = Json::array();
    for (const auto& result : outcome.results) results.push_back(to_json(result, check));
    Json disagreements = Json::array();
    for (const auto& step : step_names(outcome)) {
        if (!agree(outcome, step)) disagreements.push_back(step);
    }
    return {{"name", outcome.scenario.name},
            {"description", outcome.scenario.description},
            {"played", std::move(results)},
            {"disagreements", std::move(disagreements)}};
}

} // namespace

std::string json_of(const MachineReport& findings) {
    return document("info", {{"backends", backends()},
                             {"compiler", compiler()},
                             {"standard_library", standard_library()},
                             {"system", to_json(findings.system)},
                             {"facilities", to_json(findings.facilities)},
                             {"timer", to_json(findings.timer)},
                             {"limits", to_json(findings.limits)}});
}

std::string json_of(const System& system, const std::vector<Check>& checks) {
    auto list = Json::array();
    for (const auto& check : checks) list.push_back(to_json(check));
    return document(
        "doctor",
        {{"system", to_json(system)}, {"verdict", name_of(worst_of(checks))}, {"checks", std::move(list)}});
}

std::string json_of(const std::vector<ScenarioResult>& all, const Selection& selection) {
    Json backends = Json::array();
    for (const auto& backend : selection.backends) backends.push_back(backend.name);
    Json list = Json::array();
    for (const auto& scenario : all) list.push_back(to_json(scenario, selection.check));
    return document("events", {{"backends", std::move(backends)},
                               {"interrupted", all.size() != selection.scenarios.size()},
                               {"scenarios", std::move(list)}});
}

std::string json_of(const std::vector<Scenario>& list) {
    Json names = Json::array();
    for (const auto& scenario : list) {
        names.push_back({{"name", scenario.name}, {"description", scenario.description}});
    }
    return document("events --list", {{"scenarios", std::move(names)}});
}

std::string json_of(const TracedProcess& process) {
    Json polls = Json::array();
    for (const auto& poll : process.polls) {
        Json registrations = Json::array();
        for (const auto& source : poll.sources) {
            registrations.push_back({{"descriptor", source.descriptor},
                                     {"source", source.source},
                                     {"interest", source.interest()},
                                     {"trigger", source.trigger()},
                                     {"flags", source.flags},
                                     {"token", source.token}});
        }
        polls.push_back({{"descriptor", poll.descriptor}, {"registrations", std::move(registrations)}});
    }
    return document("trace", {{"process", process.id}, {"name", process.name}, {"polls", std::move(polls)}});
}

std::vector<Field> header_fields(std::string_view command) {
    return {{"schema", std::uint64_t{json_schema}},
            {"command", std::string(command)},
            {"version", std::string(version())},
            {"backend", std::string(mio::backend())}};
}

std::string json_line(std::int64_t time_us, std::string_view time, std::string_view source,
                      std::string_view kind, const std::vector<Field>& fields) {
    Json json{{"time_us", time_us}, {"time", time}, {"source", source}, {"kind", kind}};
    for (const auto& [name, value] : fields) {
        std::visit([&json, &name](const auto& v) { json[std::string(name)] = v; }, value);
    }
    return text_of(json, -1);
}

namespace bench {
namespace {

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

Json to_json(const std::optional<Spread>& ratio, Compared compared) {
    if (!ratio) return nullptr;
    return {{"of", compared == Compared::time ? "time" : "latency"},
            {"minimum", ratio->minimum},
            {"first_quartile", ratio->first_quartile},
            {"median", ratio->median},
            {"third_quartile", ratio->third_quartile},
            {"maximum", ratio->maximum}};
}

Json to_json(const Comparison& comparison) {
    Json json{{"name", comparison.workload.name},
              {"operation", comparison.workload.operation},
              {"rounds", comparison.rounds()},
              {"ratio", to_json(comparison.ratio(), comparison.workload.compared)},
              {"mio", to_json(comparison.library)},
              {"bare", nullptr}};
    if (comparison.has_bare()) json["bare"] = to_json(comparison.bare);
    return json;
}

} // namespace

std::string json_of(const std::vector<Comparison>& comparisons, bool was_interrupted) {
    auto list = Json::array();
    for (const auto& comparison : comparisons) list.push_back(to_json(comparison));
    return document("bench", {{"compiler", compiler()},
                              {"standard_library", standard_library()},
                              {"interrupted", was_interrupted},
                              {"workloads", std::move(list)}});
}

std::string json_of(const std::vector<Workload>& workloads) {
    auto list = Json::array();
    for (const auto& workload : workloads) {
        list.push_back({{"name", workload.name}, {"operation", workload.operation}});
    }
    return document("bench --list", {{"workloads", std::move(list)}});
}

} // namespace bench
} // namespace probe
