module;

#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

module probe.events.report;

import mio;
import probe.events.backend;
import probe.events.contract;
import probe.events.scenario;
import probe.events.stage;
import probe.predicates;

namespace probe {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const Backend& backend, const mio::Event& record) {
    return {{"readiness", names(record.readiness())},
            {"raw", backend.describe(record)},
            {"flags", record.raw_flags()},
            {"detail", record.raw_detail()},
            {"filter", record.raw_filter()}};
}

Json to_json(const Performance& performance, bool check) {
    Json steps = Json::array();
    for (const auto& step : performance.steps) {
        Json records = Json::array();
        for (const auto& record : step.records) records.push_back(to_json(performance.backend, record));
        steps.push_back(
            {{"step", step.name}, {"supported", !step.is_unsupported}, {"records", std::move(records)}});
    }
    Json json{{"backend", performance.backend.name}, {"steps", std::move(steps)}};
    if (!check) return json;
    json["differences"] = Json::array();
    for (const auto& difference : performance.differences) {
        json["differences"].push_back(
            {{"step", difference.step}, {"documented", difference.documented}, {"seen", difference.seen}});
    }
    return json;
}

Json to_json(const Played& played, bool check) {
    Json performances = Json::array();
    for (const auto& performance : played.performances) performances.push_back(to_json(performance, check));
    Json disagreements = Json::array();
    for (const auto& step : step_names(played)) {
        if (!agree(played, step)) disagreements.push_back(step);
    }
    return {{"name", played.scenario.name},
            {"description", played.scenario.description},
            {"played", std::move(performances)},
            {"disagreements", std::move(disagreements)}};
}

} // namespace

std::string json_of(const std::vector<Played>& all, const Request& request) {
    Json backends = Json::array();
    for (const auto& backend : request.backends) backends.push_back(backend.name);
    Json list = Json::array();
    for (const auto& played : all) list.push_back(to_json(played, request.check));
    const Json json{{"backends", std::move(backends)},
                    {"complete", all.size() == request.scenarios.size()},
                    {"scenarios", std::move(list)}};
    return json.dump(2) + "\n";
}

std::string json_of(const std::vector<Scenario>& list) {
    Json names = Json::array();
    for (const auto& scenario : list) {
        names.push_back({{"name", scenario.name}, {"description", scenario.description}});
    }
    const Json json{{"scenarios", std::move(names)}};
    return json.dump(2) + "\n";
}

} // namespace probe
