/// @file
/// Where a scenario is played: a selector, what it watches, and the record of what it brought.

module;

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

export module probe.events.stage;

import mio;
import probe.events.backend;
import probe.events.selector;
import probe.failure;

namespace probe {

/// What one source reported after one thing was done.
export struct Step {
    std::string name;                ///< what was done, or what is the case: "peer closed"
    std::vector<mio::Event> records; ///< in the order in which they came
    bool is_unsupported = false;     ///< the backend cannot watch for what the scenario is about
};

/// A source whose events are to be seen, and the name of the step that they belong to.
export struct Awaited {
    mio::Token token;
    std::string step;
};

/// The name of the only source, in scenarios that watch a single one.
export inline constexpr mio::Token only{};

/// What a selector is to do with a source.
export struct Wish {
    mio::Interest interest;
    mio::Trigger trigger = mio::Trigger::edge;
    mio::Token token = only;
};

/// Thrown when a backend cannot watch for what a scenario is about.
export struct Unsupported {};

/// What a source remembers of being watched. As `mio::Registration`, for a selector that may be another than the one
/// behind `mio::Poll`.
class Registration {
  public:
    Registration(Selector& selector, mio::RawHandle handle) noexcept
        : selector_(&selector), handle_(handle) {}
    Registration(Registration&& other) noexcept
        : selector_(other.selector_), handle_(other.handle_), state_(std::exchange(other.state_, 0)) {}
    ~Registration() {
        if (state_ != 0) selector_->forget(state_);
    }

    void add(const Wish& wish);
    void modify(const Wish& wish);
    void remove();
    void rearm(mio::Interest blocked) const;

  private:
    Selector* selector_;
    mio::RawHandle handle_;
    std::uint64_t state_ = 0; // 0: not watched
};

/// A source, and what its selector has to be told: by a stage's `hold` or `watch`. Closing it ends its registration.
/// The members throw `Refused`, and `Unsupported`.
export template <class S> class Watched {
  public:
    Watched(Selector& selector, S source)
        : source_(std::move(source)), registration_(selector, source_.raw()) {}

    void add(const Wish& wish) { registration_.add(wish); }
    void modify(const Wish& wish) { registration_.modify(wish); }
    void remove() { registration_.remove(); }

    /// For operations that never block.
    [[nodiscard]] const S& operator*() const noexcept { return source_; }
    [[nodiscard]] const S* operator->() const noexcept { return &source_; }

    /// Runs `operation`, which gets the source, may answer that it would block in `direction`, and returns a
    /// `mio::Result`; tells the selector if it would.
    template <class F> auto attempt(mio::Interest direction, F operation) const {
        auto result = operation(source_);
        if (!result && mio::would_block(result.error())) registration_.rearm(direction);
        return result;
    }

  private:
    S source_;
    Registration registration_; // after the source: it goes first
};

/// A selector of a scenario's own, and everything seen on it so far.
export class Stage {
  public:
    /// Throws `Refused`.
    explicit Stage(const Backend& backend);

    /// A source that is not watched yet.
    template <class S> [[nodiscard]] Watched<S> hold(S source) const {
        return Watched<S>(*selector_, std::move(source));
    }
    /// A source that is watched.
    template <class S> [[nodiscard]] Watched<S> watch(S source, const Wish& wish) const {
        auto watched = hold(std::move(source));
        watched.add(wish);
        return watched;
    }
    [[nodiscard]] std::unique_ptr<Waker> make_waker(mio::Token token = only) const {
        return selector_->make_waker(token);
    }

    /// Lets events pass that the scenario is not about: those of registering.
    void settle();

    /// Waits for an event of the one source, then until no more come.
    void observe(std::string step);

    /// Waits for an event of every source named, then until no more come.
    void observe(const std::vector<Awaited>& sources);

    /// Polls once: what is reported at this moment. For conditions that are reported again and again.
    void look(std::string step);

    /// Polls for a short time, in which nothing is supposed to come.
    void observe_silence(std::string step);

    /// Everything observed so far.
    [[nodiscard]] const std::vector<Step>& steps() const noexcept { return steps_; }

  private:
    [[nodiscard]] bool poll_for(std::chrono::milliseconds limit);

    std::unique_ptr<Selector> selector_;
    mio::Events events_;
    std::vector<Step> steps_;
};

} // namespace probe
