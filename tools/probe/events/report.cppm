/// @file
/// The results of `mio-probe events`, for people and for programs.

module;

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

export module probe.events.report;

import probe.events.contract;
import probe.events.scenario;
import probe.events.stage;
import probe.output;

namespace probe {

/// A scenario that was played, and how what was seen differs from what is documented.
export struct Played {
    Scenario scenario;
    std::vector<Step> steps;
    std::vector<Difference> differences;
};

/// A table that is printed row by row while the scenarios are played.
export class Sheet {
  public:
    /// For the scenarios of `list`. With `check` it has a column that says what differs.
    Sheet(Output& output, const std::vector<Scenario>& list, bool check);

    void head();
    void rows(const Played& played);

  private:
    void rows(std::string_view scenario, const Step& step, bool differs);
    void line(const Cell& mark, const Cell& scenario, const Cell& step, const Cell& predicates,
              const Cell& raw);

    Output& output_;
    bool check_;
    std::size_t scenario_width_ = 0;
    std::size_t step_width_ = 0;
};

/// Every difference in words, and a last line that sums them up.
export std::string verdict(const std::vector<Played>& all, bool is_complete, const Output& output);

/// All of it as one JSON document, with the differences if `check`.
export std::string json_of(const std::vector<Played>& all, bool is_complete, bool check);

/// The names and descriptions of scenarios.
export std::string table_of(const std::vector<Scenario>& list, const Output& output);
export std::string json_of(const std::vector<Scenario>& list);

} // namespace probe
