// The wake protocol of the poll(2) backend: Waker::wake, Table::wake, Table::interrupt, and of Table::select the parts
// begin_wait, end_wait and collect.
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "protocol.hpp"

using namespace model;

namespace {

struct Fault {
    CoalescerFault pending = {};
    CoalescerFault interruption = {};
    bool sets_woken_by_store = false;        // Table::wake stores woken_
    Order is_waiting_order = Order::seq_cst; // of its load
    Order woken_order = Order::seq_cst;      // of its update by Table::wake
    bool takes_before_draining = false;      // end_wait takes the interruption first
    bool looks_first = false;                // collect takes a waker only if a load shows that it is pending
    bool collects_woken_by_store = false;    // collect stores woken_ = false
};

Model poll(const Setup& setup, std::size_t capacity, const Fault& fault = {}) {
    Storm storm;
    auto& model = storm.model;
    std::vector<Coalescer> pending;
    for (std::size_t w = 0; w < setup.wakers; ++w) {
        const auto name = "pending" + std::to_string(w);
        pending.push_back({name, model.atomic(name), sent_at + w, fault.pending});
    }
    const auto woken = model.atomic("woken");
    const auto is_waiting = model.atomic("is_waiting");
    const Coalescer interruption{"interruption", model.atomic("interruption"), sent_at + setup.wakers,
                                 fault.interruption};
    constexpr auto readable_at = ready_at;

    // Waker::wake
    storm.add_threads(setup, [&](Program& p, std::size_t w, std::size_t failed) {
        const auto ticket = p.variable(), waits = p.variable(), interrupts = p.variable();
        pending[w].begin(p, ticket);
        p.when([=](const Context& c) { return c.local[ticket] != 0; },
               [&] {
                   // Table::wake
                   if (fault.sets_woken_by_store) {
                       p.store("woken", woken, fault.woken_order, 1);
                   } else {
                       p.exchange("woken", woken, fault.woken_order, 1);
                   }
                   // Table::interrupt
                   p.load("is_waiting", is_waiting, fault.is_waiting_order, waits);
                   p.when([=](const Context& c) { return c.local[waits] != 0; },
                          [&] {
                              interruption.begin(p, interrupts);
                              p.when([=](const Context& c) { return c.local[interrupts] != 0; },
                                     [&] {
                                         notify(p, "signal", setup, readable_at, failed);
                                         p.when([=](const Context& c) { return c.local[failed] == 0; },
                                                [&] { interruption.confirm(p, interrupts); },
                                                [&] { interruption.call_failed(p, interrupts); });
                                     });
                          });
                   p.when([=](const Context& c) { return c.local[failed] == 0; },
                          [&] { pending[w].confirm(p, ticket); }, [&] { pending[w].call_failed(p, ticket); });
               });
        p.compute([=](Context& c) { c.local[ticket] = c.local[waits] = c.local[interrupts] = 0; });
    });

    // Table::select, which a program calls again and again. `first`: the waker at the beginning of the ring.
    ThreadModel poller{.name = "poll", .kind = ThreadModel::Kind::daemon};
    auto& p = poller.program;
    const auto is_woken = p.variable(), has_signal = p.variable(), was_pending = p.variable(),
               first = p.variable();
    const auto reported = p.variable(), count = p.variable();
    const auto sync = setup.kernel_orders ? std::optional(kernel) : std::nullopt;
    p.forever([&] {
        // begin_wait and the wait
        p.store("is_waiting", is_waiting, fault.is_waiting_order, 1);
        p.load("woken", woken, fault.woken_order, is_woken);
        p.step(
            "poll(2)", sync,
            [=](const Context& c) { return c.local[is_woken] != 0 || c.shared[readable_at] != 0; }, {},
            [=](Context& c, int) {
                c.local[has_signal] = c.shared[readable_at];
                c.local[is_woken] = 0;
            });
        // end_wait
        p.store("is_waiting", is_waiting, Order::relaxed, 0);
        p.when([=](const Context& c) { return c.local[has_signal] != 0; },
               [&] {
                   if (fault.takes_before_draining) interruption.take(p);
                   p.step("drain", sync, {}, {}, [=](Context& c, int) { c.shared[readable_at] = 0; });
                   if (!fault.takes_before_draining) interruption.take(p);
               });
        p.compute([=](Context& c) { c.local[has_signal] = 0; });
        // collect
        if (fault.collects_woken_by_store) {
            p.load("woken", woken, Order::seq_cst, is_woken);
            p.store("woken", woken, Order::seq_cst, 0);
        } else {
            p.update("woken", woken, fault.woken_order, [=](Context& c, Value old) {
                c.local[is_woken] = old;
                return Value{0};
            });
        }
        p.when([=](const Context& c) { return c.local[is_woken] != 0; },
               [&] {
                   const auto visit = [&](std::size_t w, std::size_t is_next) {
                       p.when([=](const Context& c) { return c.local[count] == capacity; },
                              [&] { p.store("woken", woken, Order::relaxed, 1); },
                              [&] {
                                  if (fault.looks_first) {
                                      p.load("pending" + std::to_string(w), pending[w].state, Order::relaxed,
                                             was_pending);
                                      p.when(
                                          [=](const Context& c) {
                                              return phase_of(c.local[was_pending]) != idle;
                                          },
                                          [&] { pending[w].take(p, was_pending); },
                                          [&] { p.compute([=](Context& c) { c.local[was_pending] = 0; }); });
                                  } else {
                                      pending[w].take(p, was_pending);
                                  }
                                  p.compute([=](Context& c) {
                                      if (c.local[was_pending] != 0) {
                                          c.local[reported] = static_cast<Value>(c.local[reported] | 1u << w);
                                          ++c.local[count];
                                          c.local[first] = static_cast<Value>(is_next);
                                      }
                                      c.local[was_pending] = 0;
                                  });
                              });
                   };
                   if (setup.wakers == 1) {
                       visit(0, 0);
                   } else { // what is reported moves to the end of the ring
                       p.when([=](const Context& c) { return c.local[first] == 0; },
                              [&] {
                                  visit(0, 1);
                                  visit(1, 0);
                              },
                              [&] {
                                  visit(1, 0);
                                  visit(0, 1);
                              });
                   }
               });
        p.compute([=](Context& c) { c.local[is_woken] = c.local[count] = 0; });
        for (std::size_t w = 0; w < setup.wakers; ++w) {
            p.when([=](const Context& c) { return (c.local[reported] >> w & 1) != 0; },
                   [&] { storm.look(p, setup, w); });
        }
        p.compute([=](Context& c) { c.local[reported] = 0; });
    });
    model.threads.push_back(std::move(poller));
    return std::move(model);
}

} // namespace

TEST(Poll, LosesNoWake) {
    expect_correct(poll({.wakers = 1, .threads = 1, .wakes = 3}, 2));
    expect_correct(poll({.wakers = 1, .threads = 2, .wakes = 1}, 2));
    expect_correct(poll({.wakers = 2, .threads = 2, .wakes = 1}, 2));
}
TEST(Poll, LosesNoWakeWithoutRoom) { expect_correct(poll({.wakers = 2, .threads = 2, .wakes = 1}, 1)); }
TEST(Poll, LosesNoWakeBesideFailingCalls) {
    expect_correct(poll({.wakers = 1, .threads = 2, .wakes = 1, .failures = 1}, 2));
    expect_correct(poll({.wakers = 2, .threads = 2, .wakes = 1, .failures = 1}, 1));
}
TEST(Poll, NeedsNoOrderFromTheKernel) {
    expect_correct(poll({.wakers = 2, .threads = 2, .wakes = 1, .kernel_orders = false}, 2));
}

TEST(PollFault, NoSingleOrderOfWaitingAndWoken) {
    expect_found(poll({.threads = 1}, 2, {.is_waiting_order = Order::acq_rel}));
    expect_found(poll({.threads = 1}, 2, {.woken_order = Order::acq_rel}));
}
TEST(PollFault, TakingTheInterruptionBeforeDraining) {
    expect_found(poll({}, 2, {.takes_before_draining = true}));
}
TEST(PollFault, ClearingWokenByAStore) {
    expect_found(poll({.wakers = 2}, 2, {.collects_woken_by_store = true}));
}
TEST(PollFault, LookingAtAWakerFirstIfWokenIsSetByAStore) {
    expect_found(poll({.wakers = 2}, 2, {.sets_woken_by_store = true, .looks_first = true}));
}
TEST(PollFault, RelyingOnAnInterruptionInProgress) {
    expect_found(poll({.failures = 1}, 2, {.interruption = {.trusts_sending = true}}));
}
TEST(PollFault, TakingWithoutAcquire) { expect_found(poll({}, 2, {.pending = {.takes_release = true}})); }
TEST(PollFault, TakingByAStore) { expect_found(poll({}, 2, {.pending = {.takes_by_store = true}})); }
TEST(PollFault, BeginningRelaxed) { expect_found(poll({}, 2, {.pending = {.begins_relaxed = true}})); }
TEST(PollFault, ReadingSentWithoutAnUpdate) { expect_found(poll({}, 2, {.pending = {.reads_sent = true}})); }
TEST(PollFault, RelyingOnACallInProgress) {
    expect_found(poll({.failures = 1}, 2, {.pending = {.trusts_sending = true}}));
}

// `collect` takes every waker by an update, which cannot miss one. The order of `woken_` is needed for the wait alone.
TEST(PollWithLess, SettingWokenByASeqCstStoreIsEnough) {
    expect_correct(poll({.wakers = 2}, 2, {.sets_woken_by_store = true}));
    expect_correct(poll({.wakers = 2}, 1, {.sets_woken_by_store = true}));
}
// The next wait sees `woken_`, if the wait that is interrupted did not.
TEST(PollWithLess, InterruptionsNeedNoAcquire) {
    expect_correct(poll({}, 2, {.interruption = {.takes_release = true}}));
}
