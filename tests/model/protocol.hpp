// Common parts of the models of the wake protocols: the wakers, the expected results, and the Coalescer of mio.sys.wakers.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "explorer.hpp"

namespace model {

/// Thread t writes to data[t] and then wakes waker t % wakers, `wakes` times.
struct Setup {
    std::size_t wakers = 1;
    std::size_t threads = 2;
    Value wakes = 1;
    Value failures = 0;        // the number of system calls of wakers that fail; any of them may
    bool has_late = true;      // one more thread wakes waker 0 once when all is done: is it swallowed?
    bool kernel_orders = true; // system calls on one kernel object happen one after the other

    [[nodiscard]] std::size_t all_threads() const { return threads + (has_late ? 1 : 0); }
    [[nodiscard]] std::size_t waker_of(std::size_t thread) const {
        return thread == threads ? 0 : thread % wakers;
    }
};

// Places in Model::shared.
inline constexpr std::size_t ready_at = 0; // per waker, or the one descriptor: the kernel has an event
inline constexpr std::size_t seen_at =
    2; // per thread: what the receiver read in its data with the last event
inline constexpr std::size_t expected_at = 6; // per thread: what it wrote before its last wake that succeeded
inline constexpr std::size_t failures_at = 10; // system calls that may still fail
inline constexpr std::size_t sent_at = 11;     // per waker: a wake is sent and not taken
inline constexpr std::size_t locked_at = 14;   // per waker: its mutex
inline constexpr Sync kernel = 0;

/// Faults of the Coalescer, to show that the model detects them.
struct CoalescerFault {
    bool begins_relaxed = false;
    bool reads_sent = false;        // a sender that finds `sent` is content with a load
    bool trusts_sending = false;    // as does one that finds another one's call under way
    bool lacks_generation = false;  // a late `sent` confirms a newer notification
    bool resets_on_failure = false; // a failed call stores `idle`
    bool takes_acquire = false;     // take is no release
    bool takes_release = false;     // take is no acquire
    bool takes_by_store = false;    // take is a load and a store
};

/// The states of mio::sys::Coalescer.
inline constexpr Value idle = 0, sending = 1, is_sent = 2, phases = 3, generation = 4;

inline Value phase_of(Value state) { return state & phases; }

/// `sent`: where to keep that the Coalescer is in the phase `sent`, to check that no system call is made in it.
struct Coalescer {
    std::string name;
    Location state;
    std::size_t sent;
    CoalescerFault fault;

    /// Leaves a ticket or 0.
    void begin(Program& p, std::size_t ticket) const {
        const auto update = [this, &p, ticket] {
            const auto step = fault.lacks_generation ? Value{0} : generation;
            p.update(name + ".begin", state, fault.begins_relaxed ? Order::relaxed : Order::acq_rel,
                     [ticket, step, trusts = fault.trusts_sending, at = sent](Context& c, Value seen) {
                         const auto phase = phase_of(seen);
                         const auto next = phase == idle ? static_cast<Value>(seen + step + sending) : seen;
                         const bool is_content = phase == is_sent || (trusts && phase == sending);
                         c.local[ticket] = is_content ? Value{0} : next;
                         if (!is_content && c.shared[at] != 0) c.fail("a system call though a wake is sent");
                         return next;
                     });
        };
        if (!fault.reads_sent) return update();
        p.load(name + ".begin reads", state, Order::acquire, ticket);
        p.when([ticket](const Context& c) { return phase_of(c.local[ticket]) == is_sent; },
               [&] { p.compute([ticket](Context& c) { c.local[ticket] = 0; }); }, update);
    }
    void confirm(Program& p, std::size_t ticket) const {
        p.compare_exchange(
            name + ".sent", state, Order::acq_rel, Order::relaxed,
            [ticket](const Variables& local) { return local[ticket]; },
            [at = sent](Context& c, Value seen) {
                c.shared[at] = 1;
                return static_cast<Value>(seen - sending + is_sent);
            });
    }
    void call_failed(Program& p, std::size_t ticket) const {
        if (!fault.resets_on_failure) return;
        p.store(name + " = idle", state, Order::release, [ticket, at = sent](Context& c) {
            c.shared[at] = 0;
            return static_cast<Value>(c.local[ticket] & ~phases);
        });
    }
    /// Leaves whether a notification was taken, unless nothing asks.
    void take(Program& p, std::optional<std::size_t> was_pending = {}) const {
        const auto value = [was_pending, at = sent](Context& c, Value seen) {
            if (was_pending) c.local[*was_pending] = phase_of(seen) != idle;
            c.shared[at] = 0;
            return static_cast<Value>(seen & ~phases);
        };
        if (fault.takes_by_store) {
            const auto seen = p.variable();
            p.load(name + ".take reads", state, Order::acquire, seen);
            p.store(name + ".take", state, Order::release,
                    [value, seen](Context& c) { return value(c, c.local[seen]); });
            p.compute([seen](Context& c) { c.local[seen] = 0; });
            return;
        }
        const auto order = fault.takes_acquire   ? Order::acquire
                           : fault.takes_release ? Order::release
                                                 : Order::acq_rel;
        p.update(name + ".take", state, order, value);
    }
};

/// A system call that sets `flag`. It may fail, as long as the setup lets one fail; `failed` says whether it did.
inline void notify(Program& p, std::string name, const Setup& setup, std::size_t flag, std::size_t failed) {
    p.step(
        std::move(name), setup.kernel_orders ? std::optional(kernel) : std::nullopt, {},
        [](const Context& c) { return c.shared[failures_at] != 0 ? 2 : 1; },
        [flag, failed](Context& c, int outcome) {
            c.local[failed] = outcome == 1;
            if (outcome == 1) {
                --c.shared[failures_at];
            } else {
                c.shared[flag] = 1;
            }
        });
}

/// The data, the threads that wake and the property. A protocol adds its locations before and its receiver after.
struct Storm {
    Model model;
    std::vector<Location> data;

    /// `wake(program, waker, failed)` appends a wake that leaves whether it failed.
    using Wake = std::function<void(Program&, std::size_t, std::size_t)>;

    void add_threads(const Setup& setup, const Wake& wake) {
        model.shared[failures_at] = setup.failures;
        for (std::size_t t = 0; t < setup.all_threads(); ++t) {
            data.push_back(model.atomic("data" + std::to_string(t)));
            const bool is_late = t == setup.threads;
            ThreadModel thread{.name = is_late ? "late thread" : "thread " + std::to_string(t)};
            if (is_late) thread.kind = ThreadModel::Kind::late;
            auto& p = thread.program;
            const auto failed = p.variable();
            for (Value i = 1; i <= (is_late ? 1 : setup.wakes); ++i) {
                p.write_own(data[t], i);
                p.compute([failed](Context& c) { c.local[failed] = 0; });
                wake(p, setup.waker_of(t), failed);
                p.compute([failed, t, i](Context& c) {
                    if (c.local[failed] == 0) c.shared[expected_at + t] = i;
                });
            }
            model.threads.push_back(std::move(thread));
        }
        model.check_end = [threads =
                               setup.all_threads()](const Variables& shared) -> std::optional<std::string> {
            for (std::size_t t = 0; t < threads; ++t) {
                if (shared[seen_at + t] < shared[expected_at + t]) {
                    return "the receiver waits for ever, without what thread " + std::to_string(t)
                           + " woke it for";
                }
            }
            return std::nullopt;
        };
    }

    /// The user reads the data written for a waker whose event is reported.
    void look(Program& p, const Setup& setup, std::size_t waker) const {
        for (std::size_t t = 0; t < setup.all_threads(); ++t) {
            if (setup.waker_of(t) != waker) continue;
            p.read_oldest(data[t], [t](Context& c, Value value) { return c.shared[seen_at + t] = value; });
        }
    }
};

/// A summary of the exploration, on one line.
class Summary : public testing::Environment {
  public:
    std::size_t models = 0, states = 0, faults = 0, found = 0, wrong = 0;

    void TearDown() override {
        std::printf(
            "reliability: part=model program=%s models=%zu states=%zu faults=%zu found=%zu findings=%zu\n",
            testing::UnitTest::GetInstance()->GetTestSuite(0)->name(), models, states, faults, found, wrong);
    }
};
inline Summary& summary() {
    static auto* const registered = new Summary; // owned by GoogleTest
    return *registered;
}
inline testing::Environment* const summary_at_end = testing::AddGlobalTestEnvironment(&summary());

/// Every execution of the model keeps its promises.
inline void expect_correct(const Model& model) {
    const auto result = explore(model);
    EXPECT_EQ(result.counterexample, "");
    ++summary().models;
    summary().states += result.states;
    summary().wrong += !result.counterexample.empty();
    std::printf("%zu states\n", result.states);
}

/// Some execution does not, which shows that the explorer would find the fault.
inline void expect_found(const Model& model) {
    const auto result = explore(model);
    EXPECT_NE(result.counterexample, "") << "no counterexample in " << result.states << " states";
    ++summary().faults;
    summary().found += !result.counterexample.empty();
    if (std::getenv("MODEL_PRINT") != nullptr) std::printf("%s", result.counterexample.c_str());
}

} // namespace model
