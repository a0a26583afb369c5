// Results of `mio-probe events`.

#pragma once

#include "stage.hpp"

namespace probe {

/// A step that is not as documented, or documented and not seen, or seen and not documented.
struct Difference {
    std::string step;
    std::string documented;
    std::string seen;
};

/// Compares the steps of one scenario, as `backend` played it, with its rows.
std::vector<Difference> compare(const Backend& backend, std::string_view scenario,
                                const std::vector<Step>& steps);

/// A scenario as one backend played it, and how what was seen differs from what is documented.
struct BackendResult {
    Backend backend;
    std::vector<Step> steps;
    std::vector<Difference> differences;
};

/// A scenario that was played on every backend that was asked for.
struct ScenarioResult {
    Scenario scenario;
    std::vector<BackendResult> results; ///< in the order in which the backends were named
};

/// The names of all its steps, each once.
std::vector<std::string> step_names(const ScenarioResult& outcome);

/// True if all backends reported the same in that step: the same predicates, all its events taken together. (How many
/// records that takes is a backend's own affair, and so are their flags.)
bool agree(const ScenarioResult& outcome, std::string_view step);

/// What is shown.
struct Selection {
    std::vector<Scenario> scenarios;
    std::vector<Backend> backends;
    bool check = false; ///< with what differs from what is documented
};

/// A table that is printed row by row while the scenarios are played; several backends stand side by side.
class ReportTable {
  public:
    ReportTable(Output& output, const Selection& selection);

    void head();
    void rows(const ScenarioResult& outcome);

  private:
    void rows(const ScenarioResult& outcome, std::string_view scenario, const std::string& step);
    void append(std::vector<Cell>& cells, const BackendResult& result, const std::string& step,
                std::size_t line) const;
    void line(std::span<const Cell> cells);
    [[nodiscard]] bool is_comparison() const noexcept { return backends_.size() > 1; }

    Output& output_;
    std::vector<Backend> backends_;
    bool check_;
    std::vector<std::size_t> widths_; // of the columns
};

/// Every difference in words, and last lines that sum them up.
std::string verdict(const std::vector<ScenarioResult>& all, const Selection& selection, const Output& output);

/// All of it as one JSON document, with the differences if that was asked for.
std::string json_of(const std::vector<ScenarioResult>& all, const Selection& selection);

/// The names and descriptions of scenarios.
std::string table_of(const std::vector<Scenario>& list, const Output& output);
std::string json_of(const std::vector<Scenario>& list);

} // namespace probe
