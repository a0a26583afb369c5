// Results of `mio-probe events`.

#pragma once

#include "stage.hpp"

namespace probe {

/// A step that differs from the golden table, or is missing on one side.
struct Difference {
    std::string step;
    std::string documented;
    std::string seen;
};

/// Compares the steps of one scenario on `backend` with its rows of the golden table.
std::vector<Difference> compare(const Backend& backend, std::string_view scenario,
                                const std::vector<Step>& steps);

/// A scenario on one backend: the events seen, and their differences from the golden table.
struct BackendResult {
    Backend backend;
    std::vector<Step> steps;
    std::vector<Difference> differences;
};

/// A scenario on every selected backend.
struct ScenarioResult {
    Scenario scenario;
    std::vector<BackendResult> results; ///< in the order in which the backends were named
};

/// The names of all its steps, each once.
std::vector<std::string> step_names(const ScenarioResult& outcome);

/// True if all backends reported the same predicates in that step, all its events taken together. The number of records
/// and their flags may differ.
bool agree(const ScenarioResult& outcome, std::string_view step);

/// The scenarios and backends to run, and whether to compare with the golden table.
struct Selection {
    std::vector<Scenario> scenarios;
    std::vector<Backend> backends;
    bool check = false; ///< report differences from the golden table
};

/// A table that is printed row by row while the scenarios run, with several backends side by side; on a terminal too
/// narrow for that, one below the other.
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
    void rows_below(const ScenarioResult& outcome);
    void rows_below(const BackendResult& result, const std::string& step);
    [[nodiscard]] bool is_narrow() const noexcept;
    [[nodiscard]] bool is_comparison() const noexcept { return backends_.size() > 1; }

    Output& output_;
    std::vector<Backend> backends_;
    bool check_;
    std::vector<std::size_t> widths_; // of the columns
};

/// Describes every difference, followed by a summary.
std::string verdict(const std::vector<ScenarioResult>& all, const Selection& selection, const Output& output);

/// All results as one JSON document, with the differences if requested.
std::string json_of(const std::vector<ScenarioResult>& all, const Selection& selection);

/// The names and descriptions of scenarios.
std::string table_of(const std::vector<Scenario>& list, const Output& output);
std::string json_of(const std::vector<Scenario>& list);

} // namespace probe
