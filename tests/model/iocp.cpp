// The wake protocol of the IOCP backend: Waker::wake, Port::interrupt, and of Port::select the parts link_woken, collect
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
    bool sets_flag_by_store = false;      // a store ends the release sequence of another waker's exchange
    bool sets_flag_first = false;         // before the wake-up begins
    bool clears_flag_by_store = false;    // a store acquires nothing
    bool clears_flag_last = false;        // after the wakers have been looked at
    Order waiting_order = Order::seq_cst; // of is_waiting_ and is_any_woken_
};

Model iocp(const Setup& setup, const Fault& fault = {}) {
    Storm storm;
    auto& model = storm.model;
    std::vector<Coalescer> pending;
    for (std::size_t w = 0; w < setup.wakers; ++w) {
        const auto name = "pending" + std::to_string(w);
        pending.push_back({name, model.atomic(name), sent_at + w, fault.pending});
    }
    const auto is_any_woken = model.atomic("is_any_woken");
    const auto is_waiting = model.atomic("is_waiting");
    const Coalescer interruption{"interruption", model.atomic("interruption"), sent_at + setup.wakers,
                                 fault.interruption};
    constexpr auto packets_at = ready_at;

    // Waker::wake
    storm.add_threads(setup, [&](Program& p, std::size_t w, std::size_t failed) {
        const auto ticket = p.variable(), waits = p.variable(), interrupts = p.variable();
        const auto set_flag = [&] {
            if (fault.sets_flag_by_store) {
                p.store("is_any_woken", is_any_woken, fault.waiting_order, 1);
            } else {
                p.exchange("is_any_woken", is_any_woken, fault.waiting_order, 1);
            }
        };
        if (fault.sets_flag_first) set_flag();
        pending[w].begin(p, ticket);
        p.when([=](const Context& c) { return c.local[ticket] != 0; },
               [&] {
                   if (!fault.sets_flag_first) set_flag();
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
            for (const auto v : {ticket, waits, interrupts}) c.local[v] = 0;
        });
    });

    // Port::select, which a program calls again and again. The ring is a set of wakers: nothing depends on its order.
    ThreadModel poller{.name = "poll", .kind = ThreadModel::Kind::daemon};
    auto& p = poller.program;
    const auto ring = p.variable(), is_any = p.variable(), state = p.variable();
    const auto has_news = p.variable(), has_packet = p.variable();
    const auto reported = p.variable(), news_come_first = p.variable(), news_are_in = p.variable();
    const auto link_woken = [&] {
        const auto clear = [&] {
            if (fault.clears_flag_by_store) {
                p.store("is_any_woken", is_any_woken, fault.waiting_order, 0);
            } else {
                p.exchange("is_any_woken", is_any_woken, fault.waiting_order, 0);
            }
        };
        p.load("is_any_woken", is_any_woken, Order::relaxed, is_any);
        p.when([=](const Context& c) { return c.local[is_any] != 0; },
               [&] {
                   if (!fault.clears_flag_last) clear();
                   for (std::size_t w = 0; w < setup.wakers; ++w) {
                       p.load(pending[w].name, pending[w].state, Order::relaxed, state);
                       p.compute([=](Context& c) {
                           if (phase_of(c.local[state]) != idle)
                               c.local[ring] = static_cast<Value>(c.local[ring] | 1u << w);
                           c.local[state] = 0;
                       });
                   }
                   if (fault.clears_flag_last) clear();
               });
        p.compute([=](Context& c) { c.local[is_any] = 0; });
    };
    const auto collect = [&] {
        for (std::size_t w = 0; w < setup.wakers; ++w) {
            p.when([=](const Context& c) { return (c.local[ring] >> w & 1) != 0; },
                   [&] {
                       pending[w].take(p);
                       p.compute([=](Context& c) {
                           c.local[reported] = static_cast<Value>(c.local[reported] | 1u << w);
                       });
                   });
        }
        p.compute([=](Context& c) { c.local[ring] = 0; });
    };
    p.forever([&] {
        link_woken();
        p.compute([=](Context& c) {
            c.local[has_news] = c.local[ring] != 0;
            c.local[news_are_in] = c.local[has_news] != 0 && c.local[news_come_first] != 0;
            if (c.local[has_news] != 0) c.local[news_come_first] ^= 1;
        });
        p.when([=](const Context& c) { return c.local[news_are_in] != 0; }, collect);
        p.store("is_waiting", is_waiting, fault.waiting_order, 1);
        p.when([=](const Context& c) { return c.local[has_news] == 0; },
               [&] { p.load("is_any_woken", is_any_woken, fault.waiting_order, has_news); });
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
                   link_woken();
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
TEST(IocpFault, SettingTheFlagByAStore) {
    expect_found(iocp({.wakers = 2, .threads = 2}, {.sets_flag_by_store = true}));
}
TEST(IocpFault, SettingTheFlagBeforeTheWakeBegins) { expect_found(iocp({}, {.sets_flag_first = true})); }
TEST(IocpFault, ClearingTheFlagByAStore) { expect_found(iocp({}, {.clears_flag_by_store = true})); }
TEST(IocpFault, ClearingTheFlagAfterTheWakersAreChecked) {
    expect_found(iocp({}, {.clears_flag_last = true}));
}
TEST(Iocp, NeedsNoOrderFromTheKernel) {
    expect_correct(iocp({.wakers = 1, .threads = 2, .wakes = 1, .kernel_orders = false}));
}
TEST(IocpFault, TakingByAStore) { expect_found(iocp({}, {.pending = {.takes_by_store = true}})); }
TEST(IocpFault, BeginningRelaxed) { expect_found(iocp({}, {.pending = {.begins_relaxed = true}})); }
TEST(IocpFault, ReadingSentWithoutAnUpdate) { expect_found(iocp({}, {.pending = {.reads_sent = true}})); }
TEST(IocpFault, RelyingOnACallInProgress) {
    expect_found(iocp({.failures = 1}, {.pending = {.trusts_sending = true}}));
}
TEST(IocpFault, TakingWithoutAcquire) { expect_found(iocp({}, {.pending = {.takes_release = true}})); }
TEST(IocpFault, NoSingleOrderOfWaitingAndFlag) {
    expect_found(iocp({.threads = 1}, {.waiting_order = Order::acq_rel}));
}

// As on epoll: all accesses to is_any_woken_ that write are updates.
TEST(IocpWithLess, TakingNeedsNoRelease) {
    expect_correct(iocp({.threads = 1, .wakes = 3}, {.pending = {.takes_acquire = true}}));
    expect_correct(iocp({.wakers = 2, .threads = 2}, {.pending = {.takes_acquire = true}}));
}
