/// @file
/// The results of `mio-probe events`, for people and for programs.

module;

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

export module probe.events.report;

import mio;
import probe.events.backend;
import probe.events.contract;
import probe.events.scenario;
import probe.events.stage;
import probe.output;

namespace probe {

/// A scenario as one backend played it, and how what was seen differs from what is documented.
export struct Performance {
    Backend backend;
    std::vector<Step> steps;
    std::vector<Difference> differences;
};

/// A scenario that was played on every backend that was asked for.
export struct Played {
    Scenario scenario;
    std::vector<Performance> performances; ///< in the order in which the backends were named
};

/// The names of all its steps, each once.
export std::vector<std::string> step_names(const Played& played);

/// True if all backends reported the same in that step: the same predicates, all its events taken together. (How many
/// records that takes is a backend's own affair, and so are their flags.)
export bool agree(const Played& played, std::string_view step);

/// What is shown.
export struct Request {
    std::vector<Scenario> scenarios;
    std::vector<Backend> backends;
    bool check = false; ///< with what differs from what is documented
};

/// A table that is printed row by row while the scenarios are played; several backends stand side by side.
export class Sheet {
  public:
    Sheet(Output& output, const Request& request);

    void head();
    void rows(const Played& played);

  private:
    void rows(const Played& played, std::string_view scenario, const std::string& step);
    void append(std::vector<Cell>& cells, const Performance& performance, const std::string& step,
                std::size_t line) const;
    void line(std::span<const Cell> cells);
    [[nodiscard]] bool is_comparison() const noexcept { return backends_.size() > 1; }

    Output& output_;
    std::vector<Backend> backends_;
    bool check_;
    std::vector<std::size_t> widths_; // of the columns
};

/// Every difference in words, and last lines that sum them up.
export std::string verdict(const std::vector<Played>& all, const Request& request, const Output& output);

/// All of it as one JSON document, with the differences if that was asked for.
export std::string json_of(const std::vector<Played>& all, const Request& request);

/// The names and descriptions of scenarios.
export std::string table_of(const std::vector<Scenario>& list, const Output& output);
export std::string json_of(const std::vector<Scenario>& list);

} // namespace probe
