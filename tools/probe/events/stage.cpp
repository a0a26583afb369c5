module;

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

module probe.events.stage;

import mio;
import probe.failure;

namespace probe {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 2000ms; // for an event that has to come, on a machine that has much else to do
constexpr auto quiet = 10ms;      // without an event: no more are coming
constexpr auto silence = 30ms;    // for events that must not come

} // namespace

Stage::Stage() : poll_(must(mio::Poll::create(), "Poll::create")) {}

// True if anything came. A signal does not shorten it: Ctrl-C takes effect between two scenarios.
bool Stage::poll_for(std::chrono::milliseconds limit) {
    must(poll_.poll_until(events_, std::chrono::steady_clock::now() + limit), "Poll::poll_until");
    return !events_.empty();
}

void Stage::settle() {
    while (poll_for(quiet)) {
    }
}

void Stage::observe(std::string step) { observe({Watched{{}, std::move(step)}}); }

void Stage::observe(const std::vector<Watched>& sources) {
    const auto first = steps_.size();
    for (const auto& source : sources) steps_.push_back({source.step, {}});
    const auto is_missing = [&] {
        return std::any_of(steps_.begin() + static_cast<std::ptrdiff_t>(first), steps_.end(),
                           [](const Step& step) { return step.records.empty(); });
    };
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (true) {
        const bool waits = is_missing() && std::chrono::steady_clock::now() < deadline;
        const bool came = poll_for(waits ? patience : quiet);
        for (const auto& event : events_) {
            const auto source = std::ranges::find(sources, event.token(), &Watched::token);
            if (source == sources.end()) continue;
            steps_[first + static_cast<std::size_t>(source - sources.begin())].records.push_back(event);
        }
        if (!came && !waits) return;
    }
}

void Stage::look(std::string step) {
    static_cast<void>(poll_for(patience));
    steps_.push_back({std::move(step), {events_.begin(), events_.end()}});
}

void Stage::observe_silence(std::string step) {
    static_cast<void>(poll_for(silence));
    steps_.push_back({std::move(step), {events_.begin(), events_.end()}});
}

} // namespace probe
