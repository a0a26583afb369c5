/// @file
/// Where a scenario is played: a poll, and the record of what it brought.

module;

#include <chrono>
#include <string>
#include <vector>

export module probe.events.stage;

import mio;

namespace probe {

/// What one source reported after one thing was done.
export struct Step {
    std::string name;                ///< what was done, or what is the case: "peer closed"
    std::vector<mio::Event> records; ///< in the order in which they came
};

/// A source whose events are to be seen, and the name of the step that they belong to.
export struct Watched {
    mio::Token token;
    std::string step;
};

/// A poll of a scenario's own, and everything seen on it so far. Scenarios that watch a single source use the
/// token 0 for it.
export class Stage {
  public:
    Stage();

    [[nodiscard]] const mio::Registry& registry() const noexcept { return poll_.registry(); }

    /// Lets events pass that the scenario is not about: those of registering.
    void settle();

    /// Waits for an event of the one source, then until no more come.
    void observe(std::string step);

    /// Waits for an event of every source named, then until no more come.
    void observe(const std::vector<Watched>& sources);

    /// Polls once: what is reported at this moment. For conditions that are reported again and again.
    void look(std::string step);

    /// Polls for a short time, in which nothing is supposed to come.
    void observe_silence(std::string step);

    /// Everything observed so far.
    [[nodiscard]] const std::vector<Step>& steps() const noexcept { return steps_; }

  private:
    [[nodiscard]] bool poll_for(std::chrono::milliseconds limit);

    mio::Poll poll_;
    mio::Events events_{16};
    std::vector<Step> steps_;
};

} // namespace probe
