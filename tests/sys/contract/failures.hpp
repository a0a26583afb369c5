// Sources that fail or hang up: each direction of the interest is reported as ready.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "contract.hpp"

namespace test {

/// A source and its peer, before and after a failure.
struct Pair {
    plain::Socket here;
    plain::Socket there;
};
struct Failure {
    std::string_view name;
    Pair (*make)();
    void (*fail)(Pair&); // null: it fails by itself
    std::vector<Interest> interests;
};

class ContractFailures : public Contract {
  protected:
    static constexpr Readiness of(Interest interest) {
        auto readiness = Readiness::none;
        if (interest.is_readable() || interest.is_priority()) readiness |= Readiness::readable;
        if (interest.is_writable()) readiness |= Readiness::writable;
        return readiness;
    }

    /// Selects, modifying after each event if the trigger is one-shot, until every direction of `interest` is
    /// reported.
    void expect_each_direction(const Pair& pair, std::uint64_t state, Interest interest, Trigger trigger) {
        const auto wanted = of(interest);
        auto seen = Readiness::none;
        std::string reported;
        const auto deadline = std::chrono::steady_clock::now() + 2s;
        while ((seen & wanted) != wanted) {
            ASSERT_LT(std::chrono::steady_clock::now(), deadline)
                << to_string(interest) << " requested; reported:" << reported;
            select(100ms);
            for (const auto& event : events) {
                EXPECT_EQ(event.token(), id1);
                EXPECT_NE(event.readiness() & wanted, Readiness::none)
                    << "event without a readable or writable direction: " << Backend::describe(event);
                seen |= event.readiness();
                reported += '\n' + to_string(event) + " of " + Backend::describe(event);
            }
            if (trigger == Trigger::oneshot && !events.empty()) {
                const auto modified = selector.modify(pair.here.fd(), state, id1, interest, trigger);
                if (is_a_broken_pipe(modified)) return;
                ASSERT_TRUE(ok(modified));
            }
        }
    }

    template <class T> static bool is_a_broken_pipe(const mio::Result<T>& result) {
        return backend_differences.refuses_a_broken_pipe && !result
               && result.error() == std::errc::broken_pipe;
    }

    void expect_that_each_direction_is_reported(const std::vector<Failure>& failures) {
        for (const auto& failure : failures) {
            SCOPED_TRACE(failure.name);
            for (const auto interest : failure.interests) {
                for (const auto trigger : {Trigger::edge, Trigger::level, Trigger::oneshot}) {
                    SCOPED_TRACE(to_string(interest) + ", trigger "
                                 + std::to_string(static_cast<int>(trigger)));
                    expect_each_direction_of_what_failed_before(failure, interest, trigger);
                    expect_each_direction_of_what_fails_meanwhile(failure, interest, trigger);
                    if (HasFailure()) return;
                }
            }
        }
    }

  private:
    void expect_each_direction_of_what_failed_before(const Failure& failure, Interest interest,
                                                     Trigger trigger) {
        auto pair = failure.make();
        if (failure.fail != nullptr) failure.fail(pair);
        const auto added = selector.add(pair.here.fd(), id1, interest, trigger);
        if (is_a_broken_pipe(added)) return;
        ASSERT_TRUE(ok(added));
        expect_each_direction(pair, *added, interest, trigger);
        Backend::forget(*added);
    }

    void expect_each_direction_of_what_fails_meanwhile(const Failure& failure, Interest interest,
                                                       Trigger trigger) {
        if (failure.fail == nullptr) return;
        auto pair = failure.make();
        const auto state = add(pair.here.fd(), id1, interest, trigger);
        // Consume the initial events, so that the next one is caused by the failure.
        if (trigger == Trigger::edge) {
            while (!select(0ns).empty()) {
            }
        }
        failure.fail(pair);
        expect_each_direction(pair, state, interest, trigger);
        forget(state);
    }
};

} // namespace test
