// The wake protocol of modules/sys/wakers.cppm with the epoll backend: PendingWake, Wakers::settle, and an eventfd per
// waker in one epoll instance, edge-triggered. The kqueue backend uses the same classes in the same way.
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

#include "protocol.hpp"

using namespace model;

namespace {

struct Fault {
    CoalescerFault coalescer = {};
    bool sets_any_by_store = false;     // begin stores is_any_pending_
    bool sets_any_after_call = false;   // is_any_pending_ is set after the system call
    bool clears_any_by_store = false;   // settle stores is_any_pending_ = false
    bool restores_any_by_store = false; // settle stores is_any_pending_ = true for those it does not take
};

Model epoll(const Setup& setup, const Fault& fault = {}) {
    Storm storm;
    auto& model = storm.model;
    std::vector<Coalescer> pending;
    for (std::size_t w = 0; w < setup.wakers; ++w) {
        const auto name = "pending" + std::to_string(w);
        pending.push_back({name, model.atomic(name), sent_at + w, fault.coalescer});
    }
    const auto any = model.atomic("is_any_pending");

    // Waker::wake
    storm.add_threads(setup, [&](Program& p, std::size_t w, std::size_t failed) {
        const auto ticket = p.variable();
        const auto set_any = [&] {
            if (fault.sets_any_by_store) {
                p.store("is_any_pending", any, Order::release, 1);
            } else {
                p.exchange("is_any_pending", any, Order::acq_rel, 1);
            }
        };
        pending[w].begin(p, ticket);
        p.when([=](const Context& c) { return c.local[ticket] != 0; },
               [&] {
                   if (!fault.sets_any_after_call) set_any();
                   notify(p, "write to eventfd" + std::to_string(w), setup, ready_at + w, failed);
                   if (fault.sets_any_after_call) set_any();
                   p.when([=](const Context& c) { return c.local[failed] == 0; },
                          [&] { pending[w].confirm(p, ticket); }, [&] { pending[w].call_failed(p, ticket); });
               });
        p.compute([=](Context& c) { c.local[ticket] = 0; });
    });

    // Selector::select, which a program calls again and again
    ThreadModel poller{.name = "poll", .kind = ThreadModel::Kind::daemon};
    auto& p = poller.program;
    const auto reported = p.variable(), is_any = p.variable(), seen = p.variable();
    p.forever([&] {
        const auto wakers = setup.wakers;
        const auto ready = [wakers](const Context& c) {
            int set = 0;
            for (std::size_t w = 0; w < wakers; ++w) set |= c.shared[ready_at + w] << w;
            return set;
        };
        // The batch is any part of what is ready.
        p.step(
            "epoll_wait", setup.kernel_orders ? std::optional(kernel) : std::nullopt,
            [=](const Context& c) { return ready(c) != 0; },
            [=](const Context& c) { return ready(c) == 3 ? 3 : 1; },
            [=](Context& c, int outcome) {
                const int set = ready(c) == 3 ? outcome + 1 : ready(c);
                c.local[reported] = static_cast<Value>(set);
                for (std::size_t w = 0; w < wakers; ++w) {
                    if ((set >> w & 1) != 0) c.shared[ready_at + w] = 0;
                }
            });
        // Wakers::settle; its mutex keeps wakers from being added and removed, which the model does not do.
        p.load("is_any_pending", any, Order::relaxed, is_any);
        p.when([=](const Context& c) { return c.local[is_any] != 0; },
               [&] {
                   if (fault.clears_any_by_store) {
                       p.store("is_any_pending", any, Order::release, 0);
                   } else {
                       p.exchange("is_any_pending", any, Order::acq_rel, 0);
                   }
                   for (std::size_t w = 0; w < setup.wakers; ++w) {
                       p.load("pending" + std::to_string(w), pending[w].state, Order::relaxed, seen);
                       p.when([=](const Context& c) { return phase_of(c.local[seen]) != idle; },
                              [&] {
                                  p.when([=](const Context& c) { return (c.local[reported] >> w & 1) != 0; },
                                         [&] { pending[w].take(p); },
                                         [&] {
                                             if (fault.restores_any_by_store) {
                                                 p.store("is_any_pending", any, Order::relaxed, 1);
                                             } else {
                                                 p.exchange("is_any_pending", any, Order::relaxed, 1);
                                             }
                                         });
                              });
                       p.compute([=](Context& c) { c.local[seen] = 0; });
                   }
               });
        p.compute([=](Context& c) { c.local[is_any] = 0; });
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

TEST(Epoll, LosesNoWake) {
    expect_correct(epoll({.wakers = 1, .threads = 2, .wakes = 1}));
    expect_correct(epoll({.wakers = 1, .threads = 2, .wakes = 2}));
    expect_correct(epoll({.wakers = 1, .threads = 3, .wakes = 1}));
    expect_correct(epoll({.wakers = 2, .threads = 2, .wakes = 1}));
    expect_correct(epoll({.wakers = 2, .threads = 2, .wakes = 2}));
}

TEST(Epoll, LosesNoWakeBesideFailingCalls) {
    expect_correct(epoll({.wakers = 1, .threads = 2, .wakes = 2, .failures = 1}));
    expect_correct(epoll({.wakers = 1, .threads = 3, .wakes = 1, .failures = 1}));
    expect_correct(epoll({.wakers = 1, .threads = 3, .wakes = 1, .failures = 2}));
    expect_correct(epoll({.wakers = 2, .threads = 2, .wakes = 2, .failures = 2}));
    expect_correct(epoll({.wakers = 2, .threads = 3, .wakes = 1, .failures = 1}));
}

TEST(EpollFault, RestoringAnyPendingByAStore) {
    expect_found(epoll({.wakers = 2, .threads = 2, .wakes = 2}, {.restores_any_by_store = true}));
}
TEST(EpollFault, SettingAnyPendingByAStore) {
    expect_found(epoll({.wakers = 2, .threads = 2, .wakes = 1}, {.sets_any_by_store = true}));
}
TEST(EpollFault, SettingAnyPendingAfterTheCall) {
    expect_found(epoll({.threads = 1}, {.sets_any_after_call = true}));
}
TEST(EpollFault, ClearingAnyPendingByAStore) {
    expect_found(epoll({.wakers = 2}, {.clears_any_by_store = true}));
}
TEST(EpollFault, TakingByAStore) { expect_found(epoll({}, {.coalescer = {.takes_by_store = true}})); }
TEST(EpollFault, TakingWithoutAcquire) { expect_found(epoll({}, {.coalescer = {.takes_release = true}})); }
TEST(EpollFault, ReadingSentWithoutAnUpdate) { expect_found(epoll({}, {.coalescer = {.reads_sent = true}})); }
TEST(EpollFault, BeginningRelaxed) { expect_found(epoll({}, {.coalescer = {.begins_relaxed = true}})); }
TEST(EpollFault, RelyingOnACallInProgress) {
    expect_found(epoll({.failures = 1}, {.coalescer = {.trusts_sending = true}}));
}
TEST(EpollFault, ResettingThePhaseOnFailure) {
    expect_found(epoll({.threads = 3, .failures = 1}, {.coalescer = {.resets_on_failure = true}}));
}
TEST(EpollFault, ATicketWithoutGeneration) {
    expect_found(epoll({.threads = 3, .failures = 1}, {.coalescer = {.lacks_generation = true}}));
}
// The thread that receives an event has to see is_any_pending_; only the kernel orders that.
TEST(EpollFault, AKernelThatOrdersNothing) { expect_found(epoll({.kernel_orders = false})); }

// Since all accesses to is_any_pending_ that write are updates, what a thread sets comes after what `settle` cleared.
TEST(EpollWithLess, TakingNeedsNoRelease) {
    expect_correct(epoll({.wakers = 2, .wakes = 2}, {.coalescer = {.takes_acquire = true}}));
}
