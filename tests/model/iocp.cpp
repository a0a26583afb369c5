// The wake protocol of the IOCP backend: Waker::wake, Port::interrupt, and of Port::select the parts take_woken, collect
// and dispatch. The port's queue of packets is a counter: GetQueuedCompletionStatusEx takes all of them.
#include <gtest/gtest.h>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol.hpp"

using namespace model;

namespace {

struct Fault {
    CoalescerFault pending = {};
    CoalescerFault interruption = {};
    bool clears_queued_after_take = false;
    bool clears_queued_relaxed = false;
    bool pushes_unlocked = false;         // a thread may find the waker queued before it is in the list
    Order waiting_order = Order::seq_cst; // of is_waiting_ and woken_
};

Model iocp(const Setup& setup, const Fault& fault = {}) {
    Storm storm;
    auto& model = storm.model;
    std::vector<Coalescer> pending;
    std::vector<Location> is_queued, next;
    for (std::size_t w = 0; w < setup.wakers; ++w) {
        const auto number = std::to_string(w);
        pending.push_back({"pending" + number, model.atomic("pending" + number), sent_at + w, fault.pending});
        is_queued.push_back(model.atomic("is_queued" + number));
        next.push_back(model.atomic("next_woken" + number)); // 0, or 1 + the waker
    }
    const auto woken = model.atomic("woken"); // 0, or 1 + the waker that was pushed last
    const auto is_waiting = model.atomic("is_waiting");
    const Coalescer interruption{"interruption", model.atomic("interruption"), sent_at + setup.wakers,
                                 fault.interruption};
    constexpr auto packets_at = ready_at;

    // Waker::wake
    storm.add_threads(setup, [&](Program& p, std::size_t w, std::size_t failed) {
        const auto ticket = p.variable(), was_queued = p.variable(), head = p.variable(),
                   is_pushed = p.variable(), waits = p.variable(), interrupts = p.variable();
        pending[w].begin(p, ticket);
        p.when([=](const Context& c) { return c.local[ticket] != 0; },
               [&] {
                   const auto is_locked = locked_at + w;
                   if (!fault.pushes_unlocked) p.lock("lock", static_cast<Sync>(1 + w), is_locked);
                   p.update("is_queued" + std::to_string(w), is_queued[w], Order::acq_rel,
                            [=](Context& c, Value old) {
                                c.local[was_queued] = old;
                                return Value{1};
                            });
                   p.when([=](const Context& c) { return c.local[was_queued] == 0; },
                          [&] {
                              p.load("woken", woken, Order::relaxed, head);
                              p.plain("next_woken" + std::to_string(w), next[w],
                                      [=](Context& c, Value) { return c.local[head]; });
                              const auto again = p.here();
                              p.compare_exchange(
                                  "woken", woken, fault.waiting_order, Order::relaxed,
                                  [=](const Variables& local) { return local[head]; },
                                  [=](Context& c, Value) {
                                      c.local[is_pushed] = 1;
                                      return static_cast<Value>(w + 1);
                                  },
                                  head);
                              p.when([=](const Context& c) { return c.local[is_pushed] == 0; },
                                     [&] {
                                         // The failed exchange writes what it read to next_woken.
                                         p.plain("next_woken" + std::to_string(w), next[w],
                                                 [=](Context& c, Value) { return c.local[head]; });
                                         p.go(again);
                                     });
                          });
                   if (!fault.pushes_unlocked) p.unlock("unlock", static_cast<Sync>(1 + w), is_locked);
                   // Port::interrupt
                   p.load("is_waiting", is_waiting, fault.waiting_order, waits);
                   p.when([=](const Context& c) { return c.local[waits] != 0; },
                          [&] {
                              interruption.begin(p, interrupts);
                              p.when([=](const Context& c) { return c.local[interrupts] != 0; },
                                     [&] {
                                         notify(p, "post a packet", setup, packets_at, failed);
                                         p.when([=](const Context& c) { return c.local[failed] == 0; },
                                                [&] { interruption.confirm(p, interrupts); },
                                                [&] { interruption.call_failed(p, interrupts); });
                                     });
                          });
                   p.when([=](const Context& c) { return c.local[failed] == 0; },
                          [&] { pending[w].confirm(p, ticket); }, [&] { pending[w].call_failed(p, ticket); });
               });
        p.compute([=](Context& c) {
            for (const auto v : {ticket, was_queued, head, is_pushed, waits, interrupts}) c.local[v] = 0;
        });
    });

    // Port::select, which a program calls again and again. The ring is a set of wakers: nothing depends on its order.
    ThreadModel poller{.name = "poll", .kind = ThreadModel::Kind::daemon};
    auto& p = poller.program;
    const auto ring = p.variable(), head = p.variable(), has_news = p.variable(), has_packet = p.variable();
    const auto reported = p.variable(), news_come_first = p.variable(), news_are_in = p.variable();
    const auto take_woken = [&] {
        p.load("woken", woken, Order::relaxed, head);
        p.when([=](const Context& c) { return c.local[head] != 0; },
               [&] {
                   p.update("woken", woken, fault.waiting_order, [=](Context& c, Value old) {
                       c.local[head] = old;
                       return Value{0};
                   });
                   const auto again = p.here();
                   for (std::size_t w = 0; w < setup.wakers; ++w) {
                       p.when([=](const Context& c) { return c.local[head] == w + 1; },
                              [&] {
                                  p.plain("next_woken" + std::to_string(w), next[w],
                                          [=](Context& c, Value old) {
                                              c.local[ring] = static_cast<Value>(c.local[ring] | 1u << w);
                                              c.local[head] = old;
                                              return Value{0};
                                          });
                                  p.go(again);
                              });
                   }
               });
    };
    const auto collect = [&] {
        for (std::size_t w = 0; w < setup.wakers; ++w) {
            p.when([=](const Context& c) { return (c.local[ring] >> w & 1) != 0; },
                   [&] {
                       const auto clear = [&] {
                           p.store("is_queued" + std::to_string(w), is_queued[w],
                                   fault.clears_queued_relaxed ? Order::relaxed : Order::release, 0);
                       };
                       if (!fault.clears_queued_after_take) clear();
                       pending[w].take(p);
                       if (fault.clears_queued_after_take) clear();
                       p.compute([=](Context& c) {
                           c.local[reported] = static_cast<Value>(c.local[reported] | 1u << w);
                       });
                   });
        }
        p.compute([=](Context& c) { c.local[ring] = 0; });
    };
    p.forever([&] {
        take_woken();
        p.compute([=](Context& c) {
            c.local[has_news] = c.local[ring] != 0;
            c.local[news_are_in] = c.local[has_news] != 0 && c.local[news_come_first] != 0;
            if (c.local[has_news] != 0) c.local[news_come_first] ^= 1;
        });
        p.when([=](const Context& c) { return c.local[news_are_in] != 0; }, collect);
        p.store("is_waiting", is_waiting, fault.waiting_order, 1);
        p.when([=](const Context& c) { return c.local[has_news] == 0; },
               [&] { p.load("woken", woken, fault.waiting_order, has_news); });
        p.step(
            "GetQueuedCompletionStatusEx", setup.kernel_orders ? std::optional(kernel) : std::nullopt,
            [=](const Context& c) { return c.local[has_news] != 0 || c.shared[packets_at] != 0; }, {},
            [=](Context& c, int) {
                c.local[has_packet] = std::exchange(c.shared[packets_at], Value{0});
                c.local[has_news] = 0;
            });
        p.when([=](const Context& c) { return c.local[has_packet] != 0; }, [&] { interruption.take(p); });
        p.compute([=](Context& c) { c.local[has_packet] = 0; });
        p.store("is_waiting", is_waiting, Order::relaxed, 0);
        p.when([=](const Context& c) { return c.local[news_are_in] == 0; },
               [&] {
                   take_woken();
                   collect();
               });
        p.compute([=](Context& c) { c.local[news_are_in] = 0; });
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

TEST(Iocp, LosesNoWake) {
    expect_correct(iocp({.wakers = 1, .threads = 1, .wakes = 2}));
    expect_correct(iocp({.wakers = 1, .threads = 2, .wakes = 1}));
    expect_correct(iocp({.wakers = 2, .threads = 2, .wakes = 1}));
}
TEST(Iocp, LosesNoWakeBesideFailingCalls) {
    expect_correct(iocp({.wakers = 1, .threads = 1, .wakes = 3, .failures = 2}));
    expect_correct(iocp({.wakers = 1, .threads = 2, .wakes = 1, .failures = 1}));
    expect_correct(iocp({.wakers = 2, .threads = 2, .wakes = 1, .failures = 1}));
}
TEST(IocpFault, PushingOutsideOfTheMutex) { expect_found(iocp({.failures = 1}, {.pushes_unlocked = true})); }
TEST(IocpFault, ClearingIsQueuedAfterTheTake) {
    expect_found(iocp({.threads = 1, .wakes = 2}, {.clears_queued_after_take = true}));
}
TEST(IocpFault, ClearingIsQueuedRelaxed) { expect_found(iocp({}, {.clears_queued_relaxed = true})); }
TEST(Iocp, NeedsNoOrderFromTheKernel) {
    expect_correct(iocp({.wakers = 1, .threads = 2, .wakes = 1, .kernel_orders = false}));
}
TEST(IocpFault, TakingWithoutRelease) {
    expect_found(iocp({.threads = 1, .wakes = 2}, {.pending = {.takes_acquire = true}}));
}
TEST(IocpFault, TakingByAStore) { expect_found(iocp({}, {.pending = {.takes_by_store = true}})); }
TEST(IocpFault, BeginningRelaxed) { expect_found(iocp({}, {.pending = {.begins_relaxed = true}})); }
TEST(IocpFault, ReadingSentWithoutAnUpdate) { expect_found(iocp({}, {.pending = {.reads_sent = true}})); }
TEST(IocpFault, TrustingACallUnderWay) {
    expect_found(iocp({.failures = 1}, {.pending = {.trusts_sending = true}}));
}
TEST(IocpFault, TakingWithoutAcquire) { expect_found(iocp({}, {.pending = {.takes_release = true}})); }
TEST(IocpFault, NoSingleOrderOfWaitingAndWoken) {
    expect_found(iocp({.threads = 1}, {.waiting_order = Order::acq_rel}));
}
