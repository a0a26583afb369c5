#include "harness/suite.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <utility>

namespace bench {

void Suite::enter(const Workload& workload, std::string contestant,
                  std::function<Sample(std::uint64_t operations)> run) {
    const auto same = [&](const Case& other) { return other.workload.name == workload.name; };
    auto place = std::find_if(cases_.rbegin(), cases_.rend(), same).base();
    if (place == cases_.begin()) place = cases_.end(); // the first of its workload
    cases_.insert(place, Case{workload, std::move(contestant), std::move(run)});
}

std::vector<Outcome> interleave(const std::vector<const Case*>& cases, std::size_t rounds,
                                std::uint64_t operations) {
    std::vector<Outcome> outcomes;
    for (const auto* one : cases) outcomes.push_back({one, operations, {}});
    // Warm-up: the first to run would pay for one-time work such as growing the heap.
    for (const auto* one : cases) static_cast<void>(one->run(std::max<std::uint64_t>(operations / 10, 1)));
    for (std::size_t round = 0; round < rounds; ++round) {
        for (std::size_t turn = 0; turn < outcomes.size(); ++turn) {
            auto& outcome = outcomes[(round + turn) % outcomes.size()];
            outcome.samples.push_back(outcome.what->run(operations));
        }
    }
    return outcomes;
}

std::size_t descriptor_limit() {
    ::rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

} // namespace bench
