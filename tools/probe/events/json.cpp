module;

#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

module probe.events.report;

import mio;
import probe.events.contract;
import probe.events.scenario;
import probe.events.stage;
import probe.predicates;

namespace probe {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const mio::Event& record) {
    return {
        {"readiness", names(record.readiness())}, {"raw", describe(record)}, {"flags", record.raw_flags()}};
}

Json to_json(const Played& played, bool check) {
    Json steps = Json::array();
    for (const auto& step : played.steps) {
        Json records = Json::array();
        for (const auto& record : step.records) records.push_back(to_json(record));
        steps.push_back({{"step", step.name}, {"records", std::move(records)}});
    }
    Json json{{"name", played.scenario.name},
              {"description", played.scenario.description},
              {"steps", std::move(steps)}};
    if (!check) return json;
    json["differences"] = Json::array();
    for (const auto& difference : played.differences) {
        json["differences"].push_back(
            {{"step", difference.step}, {"documented", difference.documented}, {"seen", difference.seen}});
    }
    return json;
}

} // namespace

std::string json_of(const std::vector<Played>& all, bool is_complete, bool check) {
    Json list = Json::array();
    for (const auto& played : all) list.push_back(to_json(played, check));
    const Json json{{"backend", mio::backend()}, {"complete", is_complete}, {"scenarios", std::move(list)}};
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
