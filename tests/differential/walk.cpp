#include <signal.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "walk.hpp"

using namespace test;

namespace {

constexpr std::size_t steps_per_episode = 500;
#if defined(NDEBUG)
constexpr std::uint64_t steps_in_all = 100'000;
#else // unoptimised, or with sanitizers
constexpr std::uint64_t steps_in_all = 20'000;
#endif

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
    const char* const text = std::getenv(variable);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 0);
}

std::string names_of_players() {
    std::string names;
    for (const auto make : players()) names += (names.empty() ? "" : ",") + std::string(make()->name());
    return names;
}

bool is_asked_to_end() {
    ::sigset_t pending;
    ::sigemptyset(&pending);
    ::sigpending(&pending);
    return ::sigismember(&pending, SIGINT) == 1 || ::sigismember(&pending, SIGTERM) == 1;
}

// Shrinks a failing episode, and describes its steps and how to repeat it.
std::string explain(std::uint64_t seed, const std::vector<Step>& steps, const Failure& failure,
                    Defect defect) {
    auto fewest = steps;
    fewest.resize(failure.step + 1);
    fewest = shrink(std::move(fewest), defect);
    Report ignored;
    std::string log;
    const auto again = play(fewest, ignored, defect, &log);
    return failure.text + "\n  at step " + std::to_string(failure.step)
           + " of the episode; repeat it with MIO_WALK_SEED=" + std::to_string(seed)
           + " MIO_WALK_STEPS=" + std::to_string(steps_per_episode) + "\n" + std::to_string(fewest.size())
           + " of these steps suffice:\n" + log + "\n=> "
           + (again ? again->text : "these steps do not fail every time");
}

} // namespace

// MIO_WALK_SEED is the seed of the first episode, and MIO_WALK_STEPS the number of steps in all. SIGINT and SIGTERM end the
// walk after the current episode, with the same report.
TEST(Differential, EveryBackendReportsWhatTheLevelsAndEdgesAskFor) {
    ::sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGINT);
    ::sigaddset(&signals, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    const auto steps = number_from("MIO_WALK_STEPS", steps_in_all);
    const auto first_seed = number_from("MIO_WALK_SEED", 1);
    const auto begin = std::chrono::steady_clock::now();
    Report report;
    std::uint64_t findings = 0, episodes = 0;
    for (auto seed = first_seed; report.steps < steps && !is_asked_to_end(); ++seed) {
        const auto episode = steps_of(seed, steps_per_episode);
        ++episodes;
        const auto failure = play(episode, report);
        if (!failure) continue;
        ++findings;
        ADD_FAILURE() << explain(seed, episode, *failure, Defect::none);
        if (findings == 3) break;
    }
    for (const auto& key : unexplained(report)) {
        ++findings;
        ADD_FAILURE() << "undocumented difference: " << key;
    }
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
    if (std::getenv("MIO_WALK_PRINT") != nullptr) {
        for (const auto& [key, counts] : report.optional_edges) {
            std::printf("%-14s %-15s %-9s %-7s", key.kind.c_str(), key.action.c_str(), key.predicate.c_str(),
                        key.after_failure ? "failed" : "");
            for (const auto count : counts) std::printf(" %8llu", static_cast<unsigned long long>(count));
            std::printf("\n");
        }
    }
    std::printf(
        "reliability: part=differential backends=%s seed=%llu episodes=%llu steps=%llu registrations=%llu "
        "events=%llu findings=%llu seconds=%.1f\n",
        names_of_players().c_str(), static_cast<unsigned long long>(first_seed),
        static_cast<unsigned long long>(episodes), static_cast<unsigned long long>(report.steps),
        static_cast<unsigned long long>(report.registrations), static_cast<unsigned long long>(report.events),
        static_cast<unsigned long long>(findings), time.count());
}

// Each defect is put into one backend, and found.
namespace {

void expect_found(Defect defect) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        const auto steps = steps_of(seed, steps_per_episode);
        Report report;
        const auto failure = play(steps, report, defect);
        if (!failure) continue;
        if (std::getenv("MIO_WALK_PRINT") != nullptr)
            std::printf("%s\n", explain(seed, steps, *failure, defect).c_str());
        return;
    }
    ADD_FAILURE() << "not found";
}

} // namespace

TEST(DifferentialFinds, ALostEvent) { expect_found(Defect::loses_an_event); }
TEST(DifferentialFinds, ADirectionThatIsNotWatchedAgain) { expect_found(Defect::does_not_watch_again); }
TEST(DifferentialFinds, ARepeatedEdge) { expect_found(Defect::repeats_an_edge); }
TEST(DifferentialFinds, ARepeatedOneshot) { expect_found(Defect::repeats_a_oneshot); }
TEST(DifferentialFinds, ARenewalThatReportsNothing) { expect_found(Defect::modifies_quietly); }
TEST(DifferentialFinds, ALostWake) { expect_found(Defect::ignores_a_wake); }
TEST(DifferentialFinds, TheTokenOfAReplacedRegistration) { expect_found(Defect::keeps_the_token); }
